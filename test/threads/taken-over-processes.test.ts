import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { Random } from '../../src/core/random.js';
import { duckdb } from '../stages/sinks/duckdb.js';

const PROCESS = fileURLToPath(new URL('../support/checkpointed-process.mjs', import.meta.url));
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 2);
const ROWS = 60_000;

interface Started {
  readonly child: ChildProcess;
  /** It has the run: whoever comes next takes it over. */
  readonly hasClaimed: Promise<void>;
  /** What it says of its end; `""` for one that was killed. */
  readonly end: Promise<string>;
}

function start(folder: string, sink: object): Started {
  const child = spawn(process.execPath, [PROCESS, folder, JSON.stringify(sink)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  const hasClaimed = new Promise<void>((resolve) => {
    child.stdout!.on('data', (chunk) => {
      said += chunk;
      if (said.startsWith('claimed\n')) resolve();
    });
  });
  const end = new Promise<string>((resolve) => {
    child.once('exit', () => resolve(said.replace('claimed', '').trim()));
  });
  return { child, hasClaimed, end };
}

const parquetIn = (path: string) =>
  ({ use: 'parquet', path, rotate: { rows: 17_000 }, ifExists: 'append' }) as const;
const partitionsIn = (path: string) =>
  ({ use: 'csv', path, compression: 'gzip', partitionBy: ['symbol'], ifExists: 'append' }) as const;
const readParquet = (path: string) => `read_parquet('${path}/*.parquet')`;
const readPartitions = (path: string) => `read_csv('${path}/*/*.csv.gz')`;

interface Outputs {
  readonly sink: (folder: string) => object;
  /** What DuckDB reads each output with. */
  readonly readers: (folder: string) => readonly string[];
}

const OUTPUTS: Readonly<Record<string, Outputs>> = {
  'a directory of Parquet': {
    sink: (folder) => parquetIn(join(folder, 'out')),
    readers: (folder) => [readParquet(join(folder, 'out'))],
  },
  'partitions of gzipped CSV': {
    sink: (folder) => partitionsIn(join(folder, 'out')),
    readers: (folder) => [readPartitions(join(folder, 'out'))],
  },
  'each branch of a tee': {
    sink: (folder) => ({
      use: 'tee',
      branches: [
        { ...parquetIn(join(folder, 'whole')), queue: { batches: 2 } },
        { ...partitionsIn(join(folder, 'parted')), batcher: { maxRows: 300 } },
      ],
    }),
    readers: (folder) => [readParquet(join(folder, 'whole')), readPartitions(join(folder, 'parted'))],
  },
};

it('a run that two processes go on with at once has every row once', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'tickloom-taken-over-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const sink = parquetIn(join(folder, 'out'));
    const store = new FileCheckpointStore(join(folder, 'checkpoints'));
    const dead = start(folder, sink);
    await dead.hasClaimed;
    while (!(await store.load('kept'))) await setTimeout(5);
    dead.child.kill('SIGKILL');
    await dead.end;
    if ((await store.load('kept'))?.ended) continue; // it was faster than the signal
    const ends = await Promise.all([start(folder, sink), start(folder, sink)].map(({ end }) => end));
    // The second claim may come after the first has completed: then it is a run of its own.
    const runs = ends.filter((end) => end === 'completed').length;
    expect(ends.filter((end) => end !== 'completed' && end !== 'FENCED')).toEqual([]);
    expect(runs).toBeGreaterThan(0);
    const [found] = await duckdb(
      `SELECT count(*)::INT AS rows, count(DISTINCT time)::INT AS times FROM ${readParquet(join(folder, 'out'))}`,
    );
    expect(found).toEqual({ rows: runs * ROWS, times: ROWS });
  }
});

describe('a run of processes that are killed, or stand still and go on later,', () => {
  it.each(Object.entries(OUTPUTS))(
    'leaves every row once in %s',
    async (_name, { sink, readers }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const random = new Random(round + 1);
        const folder = mkdtempSync(join(tmpdir(), 'tickloom-taken-over-'));
        onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
        // Whatever comes after it has completed is a run of its own.
        const store = new FileCheckpointStore(join(folder, 'checkpoints'));
        const isOver = async () => (await store.load('kept'))?.ended?.isPublished === true;
        const asleep: Started[] = [];
        for (let i = 0; i < 3 && !(await isOver()); i++) {
          const started = start(folder, sink(folder));
          await started.hasClaimed;
          await setTimeout(random.next() * 400);
          const isKilled = random.next() < 0.4;
          started.child.kill(isKilled ? 'SIGKILL' : 'SIGSTOP');
          if (isKilled) await started.end;
          else asleep.push(started);
        }
        const last = (await isOver()) ? undefined : start(folder, sink(folder));
        await last?.hasClaimed;
        // The others wake up while it is at work, or after it.
        if (random.next() < 0.5) await setTimeout(200);
        else await last?.end;
        for (const { child } of asleep) child.kill('SIGCONT');
        const ends = await Promise.all(asleep.map(({ end }) => end));
        if (last) {
          expect([round, await last.end]).toEqual([round, 'completed']);
          for (const end of ends) expect([round, end]).toEqual([round, 'FENCED']);
        }
        for (const reader of readers(folder)) {
          const [found] = await duckdb(
            `SELECT count(*)::INT AS rows, count(DISTINCT time)::INT AS times FROM ${reader}`,
          );
          expect([round, reader, found]).toEqual([round, reader, { rows: ROWS, times: ROWS }]);
        }
      }
    },
    180_000 + ROUNDS * 20_000,
  );
});
