import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { tried } from '../support/deep.js';
import { FUZZ_MS_MAX, fuzz } from './bounded.js';
import { hostileText } from './hostile-values.js';
import { mutated } from './mutations.js';

// As threads do, this runs the build: `npm test` makes it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

const MIB = 1_048_576;
/** What an input may take beyond what the command takes for a good one. */
const MEMORY_MB_MAX = 200;
/** Each in a process of its own. */
const INPUTS = tried(4, 20, 100);

/** Has a process tell how much memory it has taken at most, in kB. */
const TELLS_PEAK = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs';" +
    "process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));",
)}`;

const folder = mkdtempSync(join(tmpdir(), 'tickloom-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command in a process of its own, and returns the megabytes that it took at most. */
async function peakMb(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['--import', TELLS_PEAK, MAIN, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  const [peakKb, errors] = await Promise.all([
    textOf(child.stdio[3] as NodeJS.ReadableStream),
    textOf(child.stderr!),
  ]);
  expect([0, 2], errors.slice(0, 1_000)).toContain(await exited);
  expect(peakKb).toMatch(/^\d+$/);
  return Number(peakKb) / 1_024;
}

const GOOD = {
  name: 'good',
  source: { use: 'synthetic', rows: 1, symbols: ['A', 'B'] },
  operators: [
    { use: 'filter', where: 'bid > 0' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
  ],
  sink: { use: 'split', routes: { a: { when: 'bid > 1', use: 'null' } }, otherwise: { use: 'null' } },
};
const SETTINGS = { maxThreads: 2, moduleFolders: [], budgets: { providers: { a: { permitsPerSecond: 5 } } } };

/** Data as it is written into a file of at most a megabyte. */
const fileOf = (data: unknown): string =>
  (JSON.stringify(data, (_, value) => (typeof value === 'bigint' ? String(value) : value)) ?? 'null').slice(
    0,
    MIB,
  );

/** What cannot be written as JSON, such as what refers to itself, is no text. */
function asFile(data: unknown): string {
  try {
    return fileOf(data);
  } catch {
    return '';
  }
}

/** Of the files that were tried, those that take the most. */
const LARGEST: readonly string[] = [
  Array.from({ length: 60_000 }, (_, i) => `key${i}: 1\n`).join(''),
  `[${'1,'.repeat(400_000)}1]`,
  `a: &a [${'x,'.repeat(20_000)}x]\nb: [${'*a,'.repeat(900)}*a]\n`,
];

describe('any file up to a megabyte', () => {
  it(
    'is taken or refused in little memory, as a spec and as settings',
    async () => {
      writeFileSync(join(folder, 'good.yaml'), fileOf(GOOD));
      const usualMb = await peakMb(['validate', 'good.yaml']);
      const judge = async (content: string) => {
        writeFileSync(join(folder, 'hostile.yaml'), content);
        for (const args of [
          ['validate', 'hostile.yaml'],
          ['validate', 'good.yaml', '--settings', 'hostile.yaml'],
        ]) {
          expect((await peakMb(args)) - usualMb).toBeLessThan(MEMORY_MB_MAX);
        }
      };
      for (const content of LARGEST) await judge(content);
      const text = fc.oneof(hostileText(MIB), mutated(GOOD).map(asFile), mutated(SETTINGS).map(asFile));
      await fuzz(text, INPUTS, judge);
    },
    FUZZ_MS_MAX + INPUTS * 20_000,
  );
});
