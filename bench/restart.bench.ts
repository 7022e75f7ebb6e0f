// Question: how long does it take from a crash of a job's thread until the job runs again, the back-off aside?
//
// The operator of a module writes down when it ends its thread; the supervisor tells when the next run has opened all
// stages, and shared memory has when its first row came. The back-off is up to a second, as by default, in which the
// next thread is made ready; or a millisecond, in which there is no time for it. With checkpoints, the next run claims the key, takes over the
// files and goes on. For scale: a bare Node thread, CommonJS as ours, that posts one message. All take turns. Runs the
// package as built.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRuntime } from 'tickloom';
import type { PipelineSpec } from '../src/plan/typed-spec.js';
import { bareThreadMs } from './support/bare-thread.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const ROUNDS = 5;
const QUICK_ROUNDS = 1;
/** Crashes of one job. */
const CRASHES = 5;
/** Rows of each run before it crashes: some checkpoints are taken meanwhile. */
const ROWS = 20_000;

interface Measured {
  readonly runningMs: number[];
  readonly firstRowMs: number[];
}

export default async function benchRestart({
  quick,
  directory,
  progress,
}: BenchContext): Promise<BenchResult[]> {
  const contenders = [
    { how: 'after a back-off', isKept: false, backOff: '1s' },
    { how: 'at once', isKept: false, backOff: '1ms' },
    { how: 'after a back-off, from a checkpoint with files', isKept: true, backOff: '1s' },
    { how: 'at once, from a checkpoint with files', isKept: true, backOff: '1ms' },
  ].map((contender) => ({ ...contender, runningMs: [] as number[], firstRowMs: [] as number[] }));
  const bare: number[] = [];
  // The first round loads code and fills the caches of the file system.
  for (let round = 0; round <= (quick ? QUICK_ROUNDS : ROUNDS); round++) {
    progress(`round ${round}`);
    for (const { isKept, backOff, runningMs, firstRowMs } of contenders) {
      const measured = await crash(directory, isKept, backOff);
      if (round === 0) continue;
      runningMs.push(...measured.runningMs);
      firstRowMs.push(...measured.firstRowMs);
    }
    const bareMs = await bareThreadMs();
    if (round > 0) bare.push(bareMs);
  }
  const result = (name: string, ours: boolean, values: readonly number[]): BenchResult => ({
    name,
    ours,
    value: median([...values]),
    unit: 'ms',
  });
  return [
    ...contenders.flatMap(({ how, runningMs, firstRowMs }) => [
      result(`crash → running again, ${how}`, true, runningMs),
      result(`crash → first row, ${how}`, true, firstRowMs),
    ]),
    result('bare Node thread → first message', false, bare),
  ];
}

/** Lets one job crash again and again. */
async function crash(directory: string, isKept: boolean, backOff: string): Promise<Measured> {
  const folder = mkdtempSync(join(directory, 'restart-'));
  const runtime = await createRuntime({
    moduleFolders: [folder],
    ...(isKept && { checkpoints: { path: join(folder, 'checkpoints'), every: '20ms' } }),
  });
  try {
    const spec = specIn(folder, isKept);
    const measured: Measured = { runningMs: [], firstRowMs: [] };
    let crashedAtNs = 0n;
    let backOffMs = 0;
    runtime.on((event) => {
      if (event.type !== 'job.state') return;
      const now = process.hrtime.bigint();
      if (event.state === 'backingOff') {
        crashedAtNs = BigInt(readFileSync(join(folder, 'crashed'), 'utf8'));
        const { counters } = runtime.get(spec.name).inspect();
        if (counters.firstRowAtNs === 0) throw new Error('a run crashed before its first row');
        backOffMs = (event.nextStartAtMs ?? 0) - event.atMs;
      } else if (event.state === 'running' && crashedAtNs > 0n) {
        measured.runningMs.push(Number(now - crashedAtNs) / 1e6 - backOffMs);
      }
    });
    const restart = {
      policy: 'on-failure',
      backOff,
      backOffMax: backOff,
      maxRestarts: CRASHES,
    } as const;
    const job = await runtime.submit(spec, { restart });
    const watch = setInterval(() => {
      const { runs, counters, state } = job.inspect();
      const isNew = runs.length - 1 > measured.firstRowMs.length && state === 'running';
      if (!isNew || counters.firstRowAtNs === 0) return;
      measured.firstRowMs.push((counters.firstRowAtNs - Number(crashedAtNs)) / 1e6 - backOffMs);
    }, 1);
    const { runs, error } = await job.outcome;
    clearInterval(watch);
    if (error?.code !== 'RESTARTS_SPENT') throw new Error(`The job ended otherwise: ${error?.message}`);
    if (runs.length !== CRASHES + 1) throw new Error(`${runs.length} runs`);
    return measured;
  } finally {
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function specIn(folder: string, isKept: boolean): PipelineSpec {
  const path = join(folder, 'crash.mjs');
  writeFileSync(
    path,
    `import { writeFileSync } from 'node:fs';
    export default {
      plan: (options, input) => input,
      create(options, input) {
        let rows = 0;
        return {
          output: input,
          process(batch, emit) {
            rows += batch.length;
            emit(batch);
            if (rows < ${ROWS}) return;
            writeFileSync(${JSON.stringify(join(folder, 'crashed'))}, String(process.hrtime.bigint()));
            process.exit(3);
          },
        };
      },
    };`,
  );
  return {
    name: 'restart',
    source: { use: 'synthetic', rate: 100_000 },
    operators: [{ use: 'module', path }],
    sink: isKept ? { use: 'jsonl', path: join(folder, 'out'), rotate: { rows: 10_000 } } : { use: 'null' },
  };
}
