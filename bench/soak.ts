/**
 * Runs jobs at a steady rate for a while, and judges whether the process stays as large as it is:
 * `npm run soak [-- --minutes 20] [--every 5] [--folder DIR] [--json FILE]`.
 *
 * The jobs make bars and as-of joins into files that end each minute, with a checkpoint each second. The first third
 * is the warm-up. After it, memory may grow by a twentieth, and nothing else at all. Exit code: 0 if all of it is
 * flat and the rate was kept, 1 if not, 2 for wrong arguments.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRuntime, type JobHandle } from 'tickloom';
import { type Flatness, flatnessOf, type GrowthLimit } from './support/flatness.js';
import { type ProcessSample, sampleProcess } from './support/process-sample.js';
import { soakJobs } from './support/soak-jobs.js';

const WARM_UP_SHARE = 1 / 3;
/** Of the rows that should have come, at the end. */
const RATE_SHARE_MIN = 0.98;
const SAMPLES_MIN = 12;

/** All that is judged. What is counted may vary by what happens to be under way. */
const LIMITS: Readonly<Record<Exclude<keyof ProcessSample, 'cpuSeconds'>, GrowthLimit>> = {
  rssMb: { share: 0.05, floor: 5 },
  heapMb: { share: 0.05, floor: 2 },
  externalMb: { share: 0.05, floor: 2 },
  handles: { share: 0, floor: 1 },
  threads: { share: 0, floor: 0.5 },
  descriptors: { share: 0, floor: 5 },
};

interface SoakSample extends ProcessSample {
  readonly seconds: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

const { minutes, everySeconds, folder, json } = soakArguments();
const path = folder ?? mkdtempSync(join(tmpdir(), 'tickloom-soak-'));
const runtime = await createRuntime({ checkpoints: { path: join(path, 'checkpoints'), every: '1s' } });
let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});
try {
  const jobs = soakJobs(path);
  const handles = await Promise.all(jobs.map(({ spec }) => runtime.submit(spec)));
  const samples = await watch(handles);
  const rate = jobs.reduce((sum, job) => sum + job.rate, 0);
  const isSteady = tellRate(samples, rate);
  const isFlat = tellFlatness(samples);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ rate, samples }, null, 1)}\n`);
  process.exitCode = isSteady && isFlat ? 0 : 1;
} finally {
  await runtime.close({ deadlineMs: 60_000 });
  if (folder === undefined) rmSync(path, { recursive: true, force: true });
}

/** Takes samples at even distances, and prints one a minute. */
async function watch(handles: readonly JobHandle[]): Promise<SoakSample[]> {
  const samples: SoakSample[] = [];
  const began = performance.now();
  const count = Math.floor((minutes * 60) / everySeconds);
  const perLine = Math.max(1, Math.round(60 / everySeconds));
  print('  min    RSS MB  heap MB  extern MB  handles  threads  files  rows/s  rows out/s  CPU s/s');
  for (let i = 1; i <= count && !isStopped; i++) {
    await sleep(began + i * everySeconds * 1_000 - performance.now());
    const infos = handles.map((handle) => handle.inspect());
    const ended = infos.find(({ state, runs }) => state !== 'running' || runs.length > 1);
    if (ended && i > 1) {
      throw new Error(
        `"${ended.name}" is ${ended.state} after ${ended.runs.length} runs: ${ended.error?.message}`,
      );
    }
    const sum = (key: 'rowsIn' | 'rowsOut') => infos.reduce((all, { counters }) => all + counters[key], 0);
    samples.push({
      seconds: (performance.now() - began) / 1_000,
      ...sampleProcess(),
      rowsIn: sum('rowsIn'),
      rowsOut: sum('rowsOut'),
    });
    if (i % perLine === 0) printLine(samples.at(-1 - perLine) ?? samples[0]!, samples.at(-1)!);
  }
  return samples;
}

function printLine(from: SoakSample, to: SoakSample): void {
  const seconds = to.seconds - from.seconds;
  const perSecond = (key: 'rowsIn' | 'rowsOut' | 'cpuSeconds') => (to[key] - from[key]) / seconds;
  const cells: readonly (readonly [value: number, width: number, digits: number])[] = [
    [to.seconds / 60, 5, 1],
    [to.rssMb, 8, 1],
    [to.heapMb, 7, 1],
    [to.externalMb, 9, 1],
    [to.handles, 7, 0],
    [to.threads, 7, 0],
    [to.descriptors, 5, 0],
    [perSecond('rowsIn'), 6, 0],
    [perSecond('rowsOut'), 10, 0],
    [perSecond('cpuSeconds'), 7, 2],
  ];
  print(cells.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join('  '));
}

/** Prints whether the jobs kept the rate after the warm-up. */
function tellRate(samples: readonly SoakSample[], rate: number): boolean {
  const [first, last] = [samples[warmUpOf(samples)]!, samples.at(-1)!];
  const perSecond = (last.rowsIn - first.rowsIn) / (last.seconds - first.seconds);
  const isSteady = perSecond >= rate * RATE_SHARE_MIN;
  print(`rate: ${perSecond.toFixed(0)} of ${rate} rows/s: ${isSteady ? 'kept' : 'NOT KEPT'}`);
  return isSteady;
}

/** Prints a verdict on each figure. */
function tellFlatness(samples: readonly SoakSample[]): boolean {
  const measured = samples.slice(warmUpOf(samples));
  let isFlat = true;
  for (const [key, limit] of Object.entries(LIMITS) as [keyof typeof LIMITS, GrowthLimit][]) {
    const values = measured.map((sample) => sample[key]).filter((value) => !Number.isNaN(value));
    if (values.length < 2) continue;
    const flatness = flatnessOf(values, limit);
    isFlat &&= flatness.isFlat;
    print(verdictOf(key, flatness));
  }
  return isFlat;
}

function verdictOf(key: string, { level, growth, growthMax, isFlat }: Flatness): string {
  const [at, by, most] = [level, growth, growthMax].map((value) => value.toFixed(1));
  return `${key}: ${at}, grew by ${by} (at most ${most}): ${isFlat ? 'flat' : 'NOT FLAT'}`;
}

function warmUpOf({ length }: readonly SoakSample[]): number {
  return Math.floor(length * WARM_UP_SHARE);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function soakArguments() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '20' },
      every: { type: 'string', default: '5' },
      folder: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const [minutes, everySeconds] = [Number(values.minutes), Number(values.every)];
  if (!(minutes > 0 && everySeconds > 0) || (minutes * 60) / everySeconds < SAMPLES_MIN) {
    process.stderr.write(
      `Expected --minutes and --every (seconds) above 0, with time for ${SAMPLES_MIN} samples; found --minutes ${values.minutes} and --every ${values.every}\n`,
    );
    process.exit(2);
  }
  return { minutes, everySeconds, folder: values.folder, json: values.json };
}
