import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { inRounds, oneOf, timeoutOf } from './chaos-rounds.js';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const RUNS = 8;
const PART_ROWS = 500;

/** Exit codes of a run that was sent a signal and went on to its end in good order. */
const DRAINED = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

interface RunOptions {
  readonly rows?: number;
  /** File descriptors that the process may have. */
  readonly descriptors?: number;
}

function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-chaos-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const out = join(folder, 'out');
  const run = ({ rows, descriptors }: RunOptions) => {
    const source = { use: 'synthetic', rows, ...(rows === undefined && { rate: 20_000 }) };
    const sink = { use: 'csv', path: out, ifExists: 'append', rotate: { rows: PART_ROWS } };
    const spec = join(folder, 'spec.json');
    writeFileSync(spec, JSON.stringify({ name: 'chaos', source, sink }));
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const script = `${limit}exec "$0" "$@"`;
    const child = spawn('bash', ['-c', script, process.execPath, MAIN, 'run', spec, '--json'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const end = new Promise<{ code: number | NodeJS.Signals | null; said: string }>((resolve) => {
      child.once('close', (code, signal) => resolve({ code: signal ?? code, said }));
    });
    return { child, end, isRunning: () => said.includes('chaos: running') };
  };
  return { folder, out, run };
}

/** Rows of each part in a directory. */
function partsIn(directory: string): number[] {
  if (!existsSync(directory)) return [];
  const textOf = (name: string) => readFileSync(join(directory, name), 'utf8');
  return readdirSync(directory).map((name) => textOf(name).trimEnd().split('\n').length - 1);
}

const stagedIn = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.staged'));

it(
  'processes that are signalled, stopped for a while, killed and starved leave whole parts, and the next run works',
  async () => {
    await inRounds(async (random) => {
      const { folder, out, run } = workplace();
      let isKilled = false;
      for (let i = 0; i < RUNS; i++) {
        const what = oneOf(random, ['end', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL', 'starved'] as const);
        if (what === 'end' || what === 'starved') {
          const starved = what === 'starved' ? { descriptors: 20 + random.below(30) } : {};
          const { code, said } = await run({ rows: 1_200, ...starved }).end;
          // One that has too few says so.
          if (code !== 0)
            expect([what, said]).toEqual(['starved', expect.stringMatching(/ulimit -n|EMFILE/)]);
          continue;
        }
        const { child, end, isRunning } = run({});
        while (!isRunning()) await setTimeout(5);
        await setTimeout(random.below(200));
        if (random.next() < 0.5) {
          child.kill('SIGSTOP');
          await setTimeout(random.below(300));
          child.kill('SIGCONT');
        }
        child.kill(what);
        const { code } = await end;
        expect(code).toBe(what === 'SIGKILL' ? 'SIGKILL' : DRAINED[what]);
        isKilled ||= what === 'SIGKILL';
        if (!isKilled) expect(stagedIn(folder)).toEqual([]);
      }

      const parts = partsIn(out);
      expect(parts.every((rows) => rows >= 0 && rows <= PART_ROWS)).toBe(true);
      expect((await run({ rows: 100 }).end).code).toBe(0);
      expect(partsIn(out)).toHaveLength(parts.length + 1);
      expect(stagedIn(folder)).toEqual([]);
    });
  },
  timeoutOf(30_000),
);
