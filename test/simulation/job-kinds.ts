import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { Random } from '../../src/core/random.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { ResilienceCoordinator } from '../../src/resilience/resilience-coordinator.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { PipelineService } from '../../src/service/pipeline-service.js';
import { SubmitOptions } from '../../src/service/submit-options.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import type { JobReport } from '../../src/supervision/job.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { Life } from './life.js';
import { SimulatedThreads } from './simulated-threads.js';

/** What jobs of the simulation do between a source that can be replayed and files. */
const KINDS: readonly Pick<OpenSpec, 'operators'>[] = [
  { operators: [] },
  { operators: [{ use: 'filter', where: 'bid > 99.9' }] },
  {
    operators: [
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'bars', every: '20ms', price: 'mid' },
    ],
  },
];
export const KINDS_COUNT = KINDS.length;

const ROWS = 120;
export const VENUE = { permits: 20, per: '1s', burst: 5 } as const;
/** Time without faults in which a job is done, and then some. */
const ROUNDS_MAX = 1_000;

const specs = new Map<string, ResolvedSpec>();
const undisturbed = new Map<number, readonly string[]>();

/** The rows that a job of this kind writes when nothing disturbs it. */
export const rowsOfKind = (kind: number): readonly string[] => undisturbed.get(kind)!;

/** The spec of a job. It takes its turn at the budget of a venue for each read. */
export async function specOf(name: string, kind: number, path: string): Promise<ResolvedSpec> {
  const sink = { path, rotate: { rows: 20 } };
  const key = `${name} ${kind}`;
  let spec = specs.get(key);
  if (!spec) {
    const resilience = new ResilienceCoordinator({ providers: { venue: VENUE } });
    spec = await resolveSpec(
      {
        name,
        source: { use: 'synthetic', rows: ROWS, rate: 100, seed: 7, budget: { provider: 'venue' } },
        ...KINDS[kind],
        batchRows: 16,
        batcher: { maxRows: 10 },
        sink: { use: 'jsonl', ...sink },
      },
      { resilience },
    );
    resilience.close();
    specs.set(key, spec);
  }
  return { ...spec, sink: { ...spec.sink, options: sink } };
}

/** The rows that a reader of a directory sees. */
export function rowsIn(directory: string): readonly string[] {
  return namesIn(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // nothing was published yet
  }
}

/** Finds out what each kind of job writes, and loads the code for it: a simulation waits for no disk. */
export async function prepareKinds(): Promise<void> {
  for (const kind of KINDS.keys()) {
    if (!undisturbed.has(kind)) undisturbed.set(kind, await runUndisturbed(kind));
  }
}

async function runUndisturbed(kind: number): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-simulation-'));
  const clock = new VirtualClock();
  const disk = new CrashingFileSystem();
  const resilience = new ResilienceCoordinator({ providers: { venue: VENUE }, clock });
  try {
    const threads = new SimulatedThreads({
      life: new Life(),
      clock,
      disk: disk.fs,
      faults: { isFull: false },
      random: new Random(1),
      onGrant: () => {},
    });
    const service = new PipelineService({
      limits: JobLimits.parse({}),
      checkpoints: { path: join(folder, 'checkpoints'), everyMs: 200 },
      clock,
      threads,
      log: silentLogger,
      resilience: resilience.handle(),
      settings: { maxThreads: 1, startDeadlineMs: 3_600_000, drainDeadlineMs: 10_000, stopGraceMs: 5_000 },
    });
    const spec = await specOf(`undisturbed${kind}`, kind, join(folder, 'out'));
    const options = SubmitOptions.parse({ restart: { policy: 'on-failure' } });
    let report: JobReport | undefined;
    const job = service.submit(spec, undefined, options);
    void job.outcome.then((ended) => {
      report = ended;
    });
    for (let round = 0; !report && round < ROUNDS_MAX; round++) {
      await clock.advance(100);
      for (let turn = 0; turn < 12; turn++) await turnOfTheLoop();
      // While code is loaded from the real disk, its time counts.
      if (job.inspect().state === 'starting') await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (report?.outcome !== 'completed')
      throw new Error(`undisturbed: ${JSON.stringify(report ?? job.inspect())}`);
    return rowsIn(join(folder, 'out'));
  } finally {
    resilience.close();
    await disk.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
