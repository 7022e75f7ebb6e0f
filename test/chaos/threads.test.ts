import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import type { JobHandle, JobReport, PipelineSpec } from '../../dist/src/index.js';
import type { Random } from '../../src/core/random.js';
import { discard, endless, moduleOperator, rows, startRuntime, until } from '../threads/threads-support.js';
import { inRounds, oneOf, timeoutOf } from './chaos-rounds.js';

const ROWS = 3_000;
const JOBS = 30;

/** What jobs do, each with the ends that it may come to if nobody touches it. */
function kindsOf(out: string) {
  const doing = (process: string) => moduleOperator(process);
  const csv = { use: 'csv', path: out, ifExists: 'append', rotate: { rows: 500 } } as const;
  const lossy = { batches: 1, overflow: { quotes: 'drop-oldest' } } as const;
  const slow = doing('for (const end = Date.now() + 1; Date.now() < end; ); emit(batch);');
  const kinds = {
    whole: { source: rows(ROWS), sink: discard },
    written: { source: rows(ROWS), sink: csv },
    full: {
      source: rows(ROWS),
      batcher: { maxRows: 50 },
      sink: { use: 'tee', branches: [discard, { ...discard, operators: [slow], queue: lossy }] },
    },
    // Endless, since a short one may have ended before its timer.
    thrown: {
      source: endless,
      operators: [doing(`setTimeout(() => { throw new Error('thrown'); });`)],
      sink: discard,
    },
    refused: { source: rows(ROWS), operators: [doing(`throw new Error('refused');`)], sink: discard },
    exited: { source: rows(ROWS), operators: [doing('process.exit(3);')], sink: discard },
    blocked: { source: endless, operators: [doing('for (;;) {}')], sink: discard },
    endless: { source: endless, sink: discard },
  } satisfies Record<string, Omit<PipelineSpec, 'name'>>;
  return kinds;
}

type Kind = keyof ReturnType<typeof kindsOf>;

/** How a job of each kind ends by itself. */
const OWN_END: Readonly<Record<Kind, JobReport['outcome'] | undefined>> = {
  whole: 'completed',
  written: 'completed',
  full: 'completed',
  thrown: 'failed',
  refused: 'failed',
  exited: 'failed',
  blocked: undefined,
  endless: undefined,
};

/** Threads that this process starts from now on, as long as they live. */
function watchThreads(): Set<Worker> {
  const alive = new Set<Worker>();
  const watch = (worker: Worker) => {
    alive.add(worker);
    worker.once('exit', () => alive.delete(worker));
  };
  process.on('worker', watch);
  onTestFinished(() => {
    process.off('worker', watch);
  });
  return alive;
}

/** Something that is done to a job from outside. @returns Whether it may end it. */
async function disturb(job: JobHandle, random: Random): Promise<boolean> {
  switch (random.below(6)) {
    case 0:
      void job.stop();
      return true;
    case 1:
      void job.drain({ deadlineMs: random.below(300) });
      return true;
    case 2:
    case 3:
      // A job that has ended meanwhile can be neither, and a thread that is blocked does not answer.
      await Promise.race([job.pause().catch(() => {}), setTimeout(50)]);
      await setTimeout(random.below(20));
      await Promise.race([job.resume().catch(() => {}), setTimeout(50)]);
      return false;
    default:
      await Promise.race([job.describe().catch(() => {}), setTimeout(50)]);
      return false;
  }
}

it(
  'jobs that crash, hang, are stopped and lose their threads leave the others alone, and nothing behind',
  async () => {
    await inRounds(async (random) => {
      const out = mkdtempSync(join(tmpdir(), 'tickloom-chaos-'));
      onTestFinished(() => rmSync(out, { recursive: true, force: true }));
      const threads = watchThreads();
      const runtime = await startRuntime({
        maxThreads: 1 + random.below(6),
        warmThreads: random.below(2),
        idleThreadMs: random.below(2) * 1_000,
      });
      const kinds = kindsOf(join(out, 'parts'));
      const jobs: { kind: Kind; job: JobHandle; isTouched: boolean }[] = [];
      let kills = 0;
      while (jobs.length < JOBS) {
        const kind = oneOf(random, Object.keys(kinds) as Kind[]);
        const job = await runtime.submit({ name: `job${jobs.length}`, ...kinds[kind] });
        jobs.push({ kind, job, isTouched: false });
        if (random.next() < 0.4) await setTimeout(random.below(30));
        const other = oneOf(random, jobs);
        if (random.next() < 0.5 && (await disturb(other.job, random))) other.isTouched = true;
        const thread = oneOf(random, [...threads]);
        if (thread && random.next() < 0.1) {
          kills++;
          await thread.terminate();
        }
      }
      // What has no end of its own is in the way of others, until it is stopped.
      const isLive = ({ job }: { job: JobHandle }) => !/completed|stopped|failed/.test(job.inspect().state);
      while (jobs.some(isLive)) {
        for (const each of jobs) if (isLive(each) && isStarted(each) && hasNoEnd(each)) void each.job.stop();
        await setTimeout(10);
      }

      let losses = 0;
      let written = 0;
      for (const { kind, job, isTouched } of jobs) {
        const { outcome, counters, rowsPending, error } = await job.outcome;
        expect(rowsPending).toBeGreaterThanOrEqual(0);
        if (outcome === 'failed') expect(error?.message).not.toBe('');
        if (outcome === 'completed' && !isTouched) expect(counters.rowsIn).toBe(ROWS);
        if (outcome === 'completed' && !isTouched && kind === 'written') written += ROWS;
        if (isTouched || OWN_END[kind] === undefined || outcome === OWN_END[kind]) continue;
        expect(error?.code).toMatch(/^THREAD_/);
        losses++;
      }
      expect(losses).toBeLessThanOrEqual(kills);
      expect(linesIn(join(out, 'parts'))).toBeGreaterThanOrEqual(written);
      await runtime.close({ deadlineMs: 0 });
      await until(() => threads.size === 0);
    });
  },
  timeoutOf(30_000),
);

const isStarted = ({ job }: { job: JobHandle }): boolean => job.inspect().state !== 'queued';
const hasNoEnd = ({ kind }: { kind: Kind }): boolean => OWN_END[kind] === undefined;

/** Rows in the files of a directory. */
function linesIn(directory: string): number {
  if (!existsSync(directory)) return 0;
  let lines = 0;
  for (const name of readdirSync(directory)) {
    lines += readFileSync(join(directory, name), 'utf8').trimEnd().split('\n').length - 1;
  }
  return lines;
}
