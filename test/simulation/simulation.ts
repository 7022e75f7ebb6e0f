import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { Clock } from '../../src/core/clock.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { errnoCode as errorCode } from '../../src/core/output-error.js';
import { Random } from '../../src/core/random.js';
import { thisOwner } from '../../src/outputs/runs/run-owner.js';
import { ResilienceCoordinator } from '../../src/resilience/resilience-coordinator.js';
import { resumeJobs } from '../../src/runtime/resume-jobs.js';
import { JobCheckpoints } from '../../src/service/job-checkpoints.js';
import { lastingIdPrefix } from '../../src/service/job-identity.js';
import { PipelineService } from '../../src/service/pipeline-service.js';
import { SubmitOptions } from '../../src/service/submit-options.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import { FileJobStore } from '../../src/store/file-job-store.js';
import type { JobRecord } from '../../src/store/job-store.js';
import { isEndState, type JobHandle, type JobReport } from '../../src/supervision/job.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { type Admission, checkSmooth } from '../support/admission-checker.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { KINDS_COUNT, rowsIn, rowsOfKind, specOf, VENUE } from './job-kinds.js';
import { clockIn, Life } from './life.js';
import { type DiskFaults, diskIn } from './simulated-disk.js';
import { type SimulatedRun, SimulatedThreads } from './simulated-threads.js';

/** What a simulation found, with what replays it. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';

  constructor(seed: number, steps: readonly string[], found: string) {
    const last = steps.slice(-30).join('\n  ');
    super(
      `seed ${seed}, step ${steps.length}: ${found}\nThe last steps (TICKLOOM_SIMULATION_SEED=${seed} replays it):\n  ${last}`,
    );
  }
}

export interface SimulationOptions {
  readonly steps?: number;
  /** Mistakes that the simulation is to find. */
  readonly planted?: 'a thread is gone too soon' | 'a disk loses syncs' | 'a store forgets jobs' | undefined;
}

const STEPS = 50;
const MAX_THREADS = 3;
const JOBS_PER_TENANT = 2;
/** Of jobs that nobody submits again: too many faults in ten minutes, and a thread that does not end. */
const MAY_FAIL_WITH: readonly string[] = ['RESTARTS_SPENT', 'THREAD_LEFT_RUNNING'];
/** Above the highest that Linux gives out. */
const PID_MAX = 4_194_400;
const TENANTS = ['desk', 'research'] as const;
const JOBS_MAX = 5;
/** Seconds after the last fault in which all jobs have to end. */
const ROUNDS_MAX = 300;

/** A clock whose wall time can be set. */
class MachineClock extends VirtualClock {
  #offset = 0n;

  override wall() {
    return (super.wall() + this.#offset) as ReturnType<VirtualClock['wall']>;
  }

  setWall(byMs: number): void {
    this.#offset += BigInt(byMs) * 1_000_000n;
  }
}

/** A mistake to be found: it says of each third record that it is kept, and forgets it. */
class ForgetfulStore extends FileJobStore {
  #puts = 0;

  override async putJob(record: JobRecord): Promise<void> {
    this.#puts++;
    if (this.#puts % 3 !== 0) await super.putJob(record);
  }
}

/** A job as its user sees it, over all processes. */
interface UserJob {
  readonly name: string;
  readonly kind: number;
  readonly tenant: string;
  readonly spec: ResolvedSpec;
  wish: 'run' | 'pause' | 'end';
  /** Whether the store has said that the job is in it. */
  isKept: boolean;
  handle: JobHandle | undefined;
  report?: JobReport;
}

interface Process {
  readonly life: Life;
  readonly resilience: ResilienceCoordinator;
  /** What its threads were granted of the budget that they share. */
  readonly granted: readonly Admission[];
  readonly threads: SimulatedThreads;
  readonly service: PipelineService;
}

/**
 * A machine with a disk and processes, whose threads run real pipelines into files, and a user who submits jobs and
 * changes their mind. A seed decides what happens: threads crash, hang and start slowly, the main thread is blocked,
 * the wall clock jumps, the disk is full, processes are killed or stopped while others take over, the power is cut.
 * After each step, the rules are checked that hold at all times, and at the end that every row is there once.
 */
export class Simulation {
  readonly seed: number;
  readonly #random: Random;
  readonly #options: SimulationOptions;
  readonly #clock = new MachineClock();
  readonly #faults: DiskFaults;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tickloom-simulation-'));
  readonly #jobs: UserJob[] = [];
  /** Of all processes: one that another has taken over may live on to the end. */
  readonly #lives: Life[] = [];
  /** Those that were stopped and may go on. */
  readonly #stopped: Process[] = [];
  readonly #steps: string[] = [];
  /** Whether jobs are kept in a store, and go on by themselves after the death of a process. */
  readonly #hasStore: boolean;
  #processes = 0;
  #disk = new CrashingFileSystem();
  #process!: Process;

  constructor(seed: number, options: SimulationOptions = {}) {
    this.seed = seed;
    this.#random = new Random(seed);
    this.#options = options;
    this.#hasStore = seed % 2 === 0;
    this.#faults = { isFull: false, losesSyncs: options.planted === 'a disk loses syncs' };
  }

  /** @returns What happened, step by step. @throws {SimulationError} */
  async run(): Promise<readonly string[]> {
    try {
      mkdirSync(join(this.#folder, 'checkpoints'));
      await this.#boot();
      for (let step = 0; step < (this.#options.steps ?? STEPS); step++) {
        await this.#step();
        this.#check();
      }
      await this.#settle();
      return this.#steps;
    } catch (error) {
      if (error instanceof SimulationError) throw error;
      throw new SimulationError(this.seed, this.#steps, String(error));
    } finally {
      for (const life of this.#lives) life.end();
      await this.#disk.kill();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const acts: readonly (readonly [number, string, () => Promise<void> | void])[] = [
      [12, 'a while', () => this.#pass(10 + random.below(300))],
      [3, 'a longer while', () => this.#pass(1_000 + random.below(20_000))],
      [6, 'submit', () => this.#submit()],
      [4, 'a thread crashes', () => this.#anyRun()?.crash()],
      [2, 'a thread loops', () => this.#anyRun()?.stopIn('loop')],
      [1, 'a thread is in a system call', () => this.#anyRun()?.stopIn('system call')],
      [3, 'a thread goes on', () => this.#hangingRun()?.goOn()],
      [1, 'the main thread is blocked', () => this.#clock.leap(100 + random.below(8_000))],
      [1, 'the wall clock jumps', () => this.#clock.setWall(random.below(7_200_000) - 3_600_000)],
      [1, 'the disk is full, or has room again', () => this.#fillDisk()],
      [2, 'pause', () => this.#wish('pause')],
      [2, 'resume', () => this.#wish('run')],
      [1, 'stop', () => this.#wish('end')],
      [1, 'the process is killed', () => this.#kill()],
      [1, 'the power is cut', () => this.#cutPower()],
      // A store refuses a second owner as long as the first one is alive.
      ...(this.#hasStore
        ? []
        : ([
            [1, 'the process is stopped, and another one takes over', () => this.#takeOver()],
            [1, 'a stopped process goes on', () => this.#goOnStopped()],
          ] as const)),
    ];
    const drawn = acts.flatMap((act) => Array<typeof act>(act[0]).fill(act));
    const [, name, act] = drawn[random.below(drawn.length)]!;
    this.#steps.push(name);
    await act();
    await this.#quiet();
  }

  /** Lets time pass, and everything that waits for it happen. */
  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      await this.#clock.advance(Math.min(left, 250));
      await this.#quiet();
    }
  }

  /** Lets messages and files have their turns. */
  async #quiet(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await turnOfTheLoop();
  }

  async #boot(): Promise<void> {
    const life = new Life();
    this.#lives.push(life);
    const clock = clockIn(life, this.#clock);
    const { planted } = this.#options;
    const granted: Admission[] = [];
    const threads = new SimulatedThreads({
      life,
      clock,
      disk: this.#disk.fs,
      faults: this.#faults,
      random: this.#random,
      onGrant: (cost) => granted.push({ at: this.#clock.now(), cost }),
      isGoneTooSoon: planted === 'a thread is gone too soon',
    });
    const resilience = new ResilienceCoordinator({ providers: { venue: VENUE }, clock });
    const kept = this.#hasStore ? await this.#openStore(life, clock) : undefined;
    const service = new PipelineService({
      limits: JobLimits.parse({ jobsPerTenant: JOBS_PER_TENANT }),
      checkpoints: { path: join(this.#folder, 'checkpoints'), everyMs: 200 },
      ...(kept && { store: kept.store, jobCheckpoints: kept.checkpoints, idPrefix: lastingIdPrefix() }),
      clock,
      threads,
      log: silentLogger,
      resilience: resilience.handle(),
      seed: this.#random.nextInt32(),
      threadsStartingMax: 2,
      settings: {
        maxThreads: MAX_THREADS,
        startDeadlineMs: 6_000,
        drainDeadlineMs: 10_000,
        stopGraceMs: 5_000,
      },
    });
    service.on((event) => {
      if (event.type === 'job.state') this.#steps.push(`  ${event.name} is ${event.state}`);
      // Its code alone: messages have ids in them that no seed decides.
      if (event.type === 'job.ended' && event.report.error)
        this.#steps.push(`  ${event.report.name}: ${event.report.error.code}`);
    });
    life.onEnd(() => resilience.close());
    this.#process = { life, threads, service, resilience, granted };
    if (!kept) {
      for (const job of this.#jobs) await this.#submitAgain(job);
      return;
    }
    await resumeJobs(kept.stored.jobs, {
      service,
      intake: { checkAgain: async ({ name }) => ({ resolved: this.#specOf(name), files: undefined }) },
      checkpoints: kept.checkpoints,
      log: silentLogger,
      nowMs: Number(clock.wall() / 1_000_000n),
    });
    for (const job of this.#jobs) this.#findAgain(job);
  }

  async #openStore(life: Life, clock: Clock) {
    this.#faults.isFull = false; // somebody has made room, or the process could not start
    const fs = diskIn(life, this.#disk.fs, this.#faults);
    // One that is dead to all others, once it has ended.
    const here = { ...thisOwner(), pid: PID_MAX + ++this.#processes };
    const Store = this.#options.planted === 'a store forgets jobs' ? ForgetfulStore : FileJobStore;
    const store = new Store(join(this.#folder, 'store'), { fs, clock, here });
    const path = join(this.#folder, 'checkpoints');
    const checkpoints = new JobCheckpoints(async () => new FileCheckpointStore(path, { fs }));
    return { store, checkpoints, stored: await store.load() };
  }

  #specOf = (name: string): ResolvedSpec => this.#jobs.find((job) => job.name === name)!.spec;

  /** After the death of a process, the user asks once more for what they have asked of a job before. */
  #findAgain(job: UserJob): void {
    const { service } = this.#process;
    const found = service.list().find(({ name }) => name === job.name);
    if (!found) {
      if (job.isKept) this.#fail(`expected ${job.name} in the store, found none`);
      job.handle = undefined;
      return;
    }
    job.isKept = true;
    this.#follow(job, service.get(job.name));
    if (isEndState(found.state)) return;
    if (job.wish === 'end') void job.handle!.stop();
    else void (job.wish === 'pause' ? job.handle!.pause() : job.handle!.resume()).catch(() => undefined);
  }

  #follow(job: UserJob, handle: JobHandle): void {
    job.handle = handle;
    delete (job as { report?: JobReport }).report;
    void handle.outcome.then((report) => {
      if (job.handle === handle) job.report = report;
    });
  }

  async #submit(): Promise<void> {
    if (this.#jobs.length === JOBS_MAX) return;
    const kind = this.#random.below(KINDS_COUNT);
    const name = `job${this.#jobs.length}`;
    const spec = await specOf(name, kind, join(this.#folder, name));
    const tenant = TENANTS[this.#random.below(TENANTS.length)]!;
    const job: UserJob = { name, kind, tenant, spec, wish: 'run', isKept: false, handle: undefined };
    this.#jobs.push(job);
    await this.#start(job);
  }

  async #start(job: UserJob): Promise<void> {
    const options = SubmitOptions.parse({
      tenant: job.tenant,
      priority: this.#random.below(5),
      restart: {
        policy: 'on-failure',
        backOff: '100ms',
        backOffMax: '2s',
        stableAfter: '1s',
        maxRestarts: 20,
      },
    });
    const { service } = this.#process;
    if (!this.#hasStore) {
      this.#follow(job, service.submit(job.spec, undefined, options));
      return;
    }
    try {
      const submitted = { spec: {}, options: {} };
      this.#follow(job, await service.submitKept(job.spec, undefined, { options, submitted }));
      job.isKept = true;
    } catch (error) {
      this.#steps.push(`  ${job.name} was refused: ${errorCode(error)}`);
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
    }
  }

  /** After the death of a process, the user submits what has not ended, as far as it is known. */
  async #submitAgain(job: UserJob): Promise<void> {
    if (job.report?.outcome === 'completed') return;
    if (job.wish === 'end') {
      job.report ??= { outcome: 'stopped' } as JobReport; // with its process
      return;
    }
    const store = new FileCheckpointStore(join(this.#folder, 'checkpoints'), { fs: this.#disk.fs });
    const checkpoint = await store.load(job.name);
    if (checkpoint?.ended?.isPublished) {
      job.report = { outcome: 'completed' } as JobReport;
      return;
    }
    await this.#start(job);
    if (job.wish === 'pause') void job.handle!.pause().catch(() => undefined);
  }

  #wish(wish: UserJob['wish']): void {
    const job = this.#jobs[this.#random.below(this.#jobs.length || 1)];
    const { handle } = job ?? {};
    if (!job || !handle || job.wish === 'end' || isEndState(handle.inspect().state)) return;
    job.wish = wish;
    const asked = wish === 'pause' ? handle.pause() : wish === 'run' ? handle.resume() : handle.stop();
    void asked.catch(() => undefined);
  }

  #anyRun(): SimulatedRun | undefined {
    const runs = [...this.#process.threads.runs];
    return runs[this.#random.below(runs.length || 1)];
  }

  #hangingRun(): SimulatedRun | undefined {
    return [...this.#process.threads.runs].find(({ hang }) => hang);
  }

  #fillDisk(): void {
    this.#faults.isFull = !this.#faults.isFull;
  }

  async #kill(): Promise<void> {
    this.#process.life.end();
    await this.#boot();
  }

  async #cutPower(): Promise<void> {
    for (const { life } of [this.#process, ...this.#stopped.splice(0)]) life.end();
    await this.#disk.cutPower(() => this.#random.next());
    this.#disk = new CrashingFileSystem();
    await this.#boot();
  }

  async #takeOver(): Promise<void> {
    this.#process.life.stop();
    this.#stopped.push(this.#process);
    await this.#boot();
  }

  #goOnStopped(): void {
    this.#stopped.shift()?.life.goOn();
  }

  /** What holds at all times. */
  #check(): void {
    const { threads, service, granted } = this.#process;
    checkSmooth(granted, [
      { from: 0n, burst: VENUE.burst, nsPerPermit: 1_000_000_000n / BigInt(VENUE.permits) },
    ]);
    // One that was given up in a system call comes to nothing more: it goes as soon as that returns.
    const atWork = [...threads.runs].filter(({ hang }) => hang !== 'system call').map(({ job }) => job);
    const doubled = atWork.find((job, i) => atWork.indexOf(job) !== i);
    if (doubled !== undefined) this.#fail(`expected one thread for ${doubled}, found two`);
    const ended = atWork.find((job) => isEndState(service.get(job).inspect().state));
    if (ended !== undefined) this.#fail(`expected no thread for ${ended}, which has ended, found one`);
    const begun = service.list().filter(({ state }) => state !== 'queued' && !isEndState(state));
    if (begun.length > MAX_THREADS)
      this.#fail(`expected ${MAX_THREADS} jobs under way at most, found ${begun.length}`);
    for (const tenant of TENANTS) {
      const found = begun.filter((job) => job.tenant === tenant).length;
      if (found > JOBS_PER_TENANT)
        this.#fail(`expected ${JOBS_PER_TENANT} jobs of ${tenant} at most, found ${found}`);
    }
    for (const job of this.#jobs) this.#checkRows(job);
  }

  /** Of what can be seen of a job, every row is one of its own, and is there once. */
  #checkRows({ name, kind }: UserJob): readonly string[] {
    const found = rowsIn(join(this.#folder, name));
    const left = new Map<string, number>();
    for (const row of rowsOfKind(kind)) left.set(row, (left.get(row) ?? 0) + 1);
    for (const row of found) {
      const count = left.get(row) ?? 0;
      if (count === 0) this.#fail(`${name}: expected each row once, found one more: ${row}`);
      left.set(row, count - 1);
    }
    return found;
  }

  /** The faults are over: every job comes to its end, and every row of those that complete is there. */
  async #settle(): Promise<void> {
    this.#steps.push('the faults are over');
    this.#faults.isFull = false;
    for (const { life } of this.#stopped.splice(0)) life.goOn();
    await this.#quiet();
    for (let round = 0; ; round++) {
      for (let run = this.#hangingRun(); run; run = this.#hangingRun()) run.goOn();
      for (const job of this.#jobs) {
        const { handle } = job;
        if (job.wish === 'pause') {
          job.wish = 'run';
          if (handle && !isEndState(handle.inspect().state)) void handle.resume().catch(() => undefined);
        }
        if (!this.#hasStore && job.wish === 'run' && job.report && job.report.outcome !== 'completed')
          await this.#submitAgain(job);
      }
      await this.#pass(1_000);
      this.#check();
      const open = this.#jobs.filter(
        ({ report, wish }) =>
          !report || (!this.#hasStore && report.outcome !== 'completed' && wish !== 'end'),
      );
      if (open.length === 0) break;
      if (round === ROUNDS_MAX)
        this.#fail(
          `expected all jobs to end, found ${open.map(({ name, handle, report }) => `${name} ${handle?.inspect().state} ${report?.error?.message ?? ''}`).join('; ')}`,
        );
    }
    for (const job of this.#jobs) {
      const { outcome, error } = job.report!;
      if (outcome === 'failed' && !MAY_FAIL_WITH.includes(error!.code))
        this.#fail(`${job.name}: expected no failure, found ${error!.code}: ${error!.message}`);
      if (outcome !== 'completed') continue;
      const found = this.#checkRows(job);
      const expected = rowsOfKind(job.kind);
      if (found.length !== expected.length)
        this.#fail(`${job.name}: expected ${expected.length} rows, found ${found.length}`);
    }
    const closed = this.#process.service.close();
    await this.#pass(1_000);
    await closed;
    if (this.#process.threads.runs.size > 0) this.#fail('expected no thread after the end, found one');
  }

  #fail(found: string): never {
    throw new SimulationError(this.seed, this.#steps, found);
  }
}
