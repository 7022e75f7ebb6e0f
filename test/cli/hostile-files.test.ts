import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// Threads run the build, so this does, too: `npm test` makes it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

/** Heap that the command may take, with all that it loads. */
const HEAP_MB = 200;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickloom-hostile-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text);

function tickloom(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const argv = [`--max-old-space-size=${HEAP_MB}`, MAIN, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, argv, { cwd: folder, maxBuffer: 2 ** 24 }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const SPEC = 'name: s\nsource: { use: synthetic, rows: 1 }\nsink: { use: "null" }\n';
const keys = (count: number) => Array.from({ length: count }, (_, i) => `key${i}: 1\n`).join('');
const LONG = 'x'.repeat(100_000);

/** Each under a megabyte. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['keys inside keys', '? '.repeat(28)],
  ['keys inside keys, endless', '? '.repeat(500)],
  ['a hundred thousand keys', keys(60_000)],
  ['thousands of unknown options', SPEC + keys(9_000)],
  ['empty documents', '---\n'.repeat(50_000)],
  ['empty documents, fewer', '---\n'.repeat(450)],
  ['brackets', '['.repeat(1_000_000)],
  ['errors', '}\n'.repeat(300_000)],
  ['aliases of aliases', `a: &a [${'x,'.repeat(20_000)}x]\nb: [${'*a,'.repeat(900)}*a]\n`],
  ['a long list', `[${'1,'.repeat(400_000)}1]`],
  ['long names', `name: ${LONG}\nsource: { use: ${LONG} }\n${LONG}: ${LONG}\nsink: { ${LONG}: 1 }\n`],
];

describe('a hostile file', () => {
  it.each(HOSTILE)(
    'is refused as a spec and as settings, in few words and little memory: %s',
    async (_, text) => {
      await write('hostile.yaml', text);
      await write('spec.yaml', SPEC);
      for (const args of [
        ['validate', 'hostile.yaml'],
        ['run', 'spec.yaml', '--settings', 'hostile.yaml'],
      ]) {
        const { code, out, err } = await tickloom(...args);
        expect({ code, out }).toEqual({ code: 2, out: '' });
        expect(err.split('\n').length).toBeLessThan(110);
        expect(err.length).toBeLessThan(40_000);
        expect(err).not.toMatch(/RangeError|TypeError|at .*\.cjs/);
      }
    },
  );

  it('has its problems counted where they are not printed', async () => {
    await write('hostile.yaml', SPEC + keys(3_000));
    const { err } = await tickloom('validate', 'hostile.yaml');
    expect(err.trim().split('\n').at(-1)).toBe('… and 2,900 more problems');
  });
});

describe('a file in the wrong place', () => {
  it('is told what it is and where it goes', async () => {
    await write('spec.yaml', SPEC);
    await write('settings.yaml', 'maxThreads: 2\n');
    await write('ticks.csv', 'time,bid,ask\n1,2,3\n');
    const says = async (...args: string[]) => {
      const { code, err } = await tickloom(...args);
      expect(code).toBe(2);
      return err;
    };
    expect(await says('run', 'spec.yaml', '--settings', 'spec.yaml')).toContain(
      'spec.yaml:1:1 (root): expected settings of the runtime, found a spec: name it as an argument, without --settings',
    );
    expect(await says('validate', 'settings.yaml')).toContain(
      'settings.yaml:1:1: expected a spec, found settings of the runtime: name it with --settings FILE',
    );
    expect(await says('validate', 'ticks.csv')).toContain(
      'ticks.csv:1:1: expected a spec, found a CSV file: name it in a spec, as source: { use: replay, path: … }',
    );
    expect(await says('validate', 'spec.yaml', '--settings', 'nope.yaml')).toContain(
      'nope.yaml:1:1 (root): expected the file of settings of the runtime, found no file of that name',
    );
    expect(await says('validate', 'nope.yaml')).toContain(
      'expected the file of a spec, found no file of that name',
    );
  });
});
