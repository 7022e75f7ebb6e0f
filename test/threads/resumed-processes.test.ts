import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline, uncheckedSpec } from '../../dist/src/index.js';

const PROCESS = fileURLToPath(new URL('../support/resumed-process.mjs', import.meta.url));
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 3);
const ROWS = 24_000;
/** Rows of both jobs that a process writes before it is killed. */
const KILL_AFTER_ROWS = (2 * ROWS) / (ROUNDS + 1);

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-resumed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file with a trade each millisecond. */
function tradesFile(folder: string, name: string): string {
  const path = join(folder, `${name}.csv`);
  const rows = Array.from({ length: ROWS }, (_, i) => {
    return `${new Date(1_700_000_000_000 + i).toISOString()},S${i % 7},${100 + (i % 50)},${1 + (i % 9)}`;
  });
  writeFileSync(path, `time,symbol,price,size\n${rows.join('\n')}\n`);
  return path;
}

const specOf = (name: string, path: string, { out, speed }: { out: string; speed: number | 'max' }) => ({
  name,
  source: {
    use: 'replay',
    path,
    speed,
    kind: 'trade',
    columns: { symbol: 'symbol', time: 'time', price: 'price', size: 'size' },
  },
  operators: [{ use: 'derive', columns: { notional: 'price * size' } }],
  batchRows: 256,
  sink: { use: 'csv', path: join(out, name), rotate: { rows: 5_000 } },
});

/** All rows of the parts in a directory, in order. */
const rowsIn = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .flatMap((part) => readFileSync(join(directory, part), 'utf8').trim().split('\n').slice(1));

function start(folder: string, specs: readonly object[]) {
  const child = spawn(process.execPath, [PROCESS, folder, JSON.stringify(specs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  child.stdout.on('data', (chunk) => lines.push(...String(chunk).trim().split('\n')));
  const end = new Promise<string | undefined>((resolve) => child.once('exit', () => resolve(lines.at(-1))));
  return { child, lines, end };
}

/** Kills a process once it has written so many rows more than it had when it started. */
async function killAfter({
  child,
  lines,
  end,
}: {
  child: ChildProcess;
  lines: string[];
  end: Promise<unknown>;
}) {
  await new Promise<void>((resolve) => {
    const look = () => {
      const counts = lines.map(Number).filter((count) => count > 0);
      if (counts.at(-1)! - counts[0]! >= KILL_AFTER_ROWS) resolve();
    };
    child.stdout!.on('data', look);
    child.once('exit', () => resolve());
  });
  child.kill('SIGKILL');
  await end;
}

describe('a runtime with a store whose process is killed again and again', () => {
  it('goes on with all of its jobs, and their files are those of runs that nobody disturbed', async () => {
    const folder = temporaryFolder();
    const names = ['eurusd', 'gbpusd'];
    const paths = names.map((name) => tradesFile(folder, name));
    for (const [i, name] of names.entries()) {
      const spec = specOf(name, paths[i]!, { out: join(folder, 'whole'), speed: 'max' });
      expect(await createPipeline(uncheckedSpec(spec)).run()).toMatchObject({ outcome: 'completed' });
    }
    const specs = names.map((name, i) => specOf(name, paths[i]!, { out: join(folder, 'out'), speed: 8 }));
    for (let round = 0; round < ROUNDS; round++) await killAfter(start(folder, specs));
    expect(await start(folder, specs).end).toBe('completed,completed');
    for (const name of names) {
      expect(rowsIn(join(folder, 'out', name))).toEqual(rowsIn(join(folder, 'whole', name)));
    }
  }, 180_000);
});
