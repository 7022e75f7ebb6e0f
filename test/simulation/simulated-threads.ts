import { runActor } from '../../src/actor/run-actor.js';
import { claimUnlessEnded } from '../../src/checkpoints/claim-run.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { Clock } from '../../src/core/clock.js';
import { PipelineError } from '../../src/core/errors.js';
import type { Random } from '../../src/core/random.js';
import type { SinkFactory } from '../../src/engine/factories.js';
import type { ThreadRun, Threads } from '../../src/hosts/threads.js';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { openResilience, type ResilienceClient } from '../../src/resilience/resilience-client.js';
import type { ResilienceHandle } from '../../src/resilience/resilience-handle.js';
import { openCounters } from '../../src/shared-memory/counters.js';
import { jsonlSink } from '../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../src/stages/sinks/jsonl/options.js';
import { type PipelineOutcome, type PipelineTask, THREAD_BEGUN } from '../../src/wire/pipeline-actor.js';
import { clockIn, Life, portIn } from './life.js';
import { type DiskFaults, diskIn } from './simulated-disk.js';

/** What the threads of a process are made of. */
export interface ThreadsContext {
  /** Of the process. */
  readonly life: Life;
  readonly clock: Clock;
  readonly disk: FileSystem;
  readonly faults: DiskFaults;
  readonly random: Random;
  /** Told of each permit that a thread was granted. */
  onGrant(cost: number): void;
  /** A mistake to be found: a thread is said to be gone while it is at work. */
  readonly isGoneTooSoon?: boolean | undefined;
}

/** How a thread hangs: in a loop, which an end by force interrupts, or in a system call, which it does not. */
export type Hang = 'loop' | 'system call';

/** Threads that run the real actor with its pipeline, store and files, each in a life of its own. */
export class SimulatedThreads implements Threads {
  readonly runs = new Set<SimulatedRun>();
  readonly #context: ThreadsContext;

  constructor(context: ThreadsContext) {
    this.#context = context;
  }

  run(task: PipelineTask): SimulatedRun {
    const run = new SimulatedRun(task, this.#context, () => this.runs.delete(run));
    this.runs.add(run);
    return run;
  }
}

export class SimulatedRun implements ThreadRun {
  readonly job: string;
  readonly outcome: Promise<PipelineOutcome>;
  readonly #life: Life;
  readonly #context: ThreadsContext;
  #hang: Hang | undefined;
  #isToEnd = false;
  #resolve: (outcome: PipelineOutcome) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(task: PipelineTask, context: ThreadsContext, onGone: () => void) {
    this.job = task.spec.name;
    this.#context = context;
    this.#life = new Life(context.life);
    this.#life.onEnd(onGone);
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    void this.#live(task);
  }

  get hang(): Hang | undefined {
    return this.#hang;
  }

  /** Ends the thread by force. */
  end(): void {
    const { isGoneTooSoon } = this.#context;
    if (isGoneTooSoon) this.#tellLost('THREAD_STOPPED');
    else if (this.#hang === 'system call') this.#isToEnd = true;
    else this.crash('THREAD_STOPPED');
  }

  crash(code: 'THREAD_STOPPED' | 'THREAD_CRASHED' = 'THREAD_CRASHED'): void {
    if (this.#life.hasEnded) return;
    this.#life.end();
    this.#tellLost(code);
  }

  /** One that hangs comes to nothing else. */
  stopIn(hang: Hang): void {
    if (this.#hang) return;
    this.#hang = hang;
    this.#life.stop();
  }

  goOn(): void {
    this.#hang = undefined;
    if (this.#isToEnd) this.crash('THREAD_STOPPED');
    else this.#life.goOn();
  }

  #tellLost(code: 'THREAD_STOPPED' | 'THREAD_CRASHED'): void {
    // The process learns of it, if there still is one.
    this.#context.life.whenRunning(() =>
      this.#reject(new PipelineError(code, 'simulated', { retryable: code === 'THREAD_CRASHED' })),
    );
  }

  async #live(task: PipelineTask): Promise<void> {
    const { random, faults, disk } = this.#context;
    const life = this.#life;
    const clock = clockIn(life, this.#context.clock);
    const own = { ...task, control: portIn(life, task.control), logs: portIn(life, task.logs) };
    await new Promise<void>((resolve) => {
      clock.setTimeout(resolve, random.below(8) === 0 ? random.below(5_000) : random.below(60));
    });
    if (random.below(30) === 0) {
      this.crash();
      return;
    }
    const counters = openCounters(task.counters);
    counters.set('heartbeatNs', Number(clock.now()));
    own.logs.postMessage(THREAD_BEGUN);
    const fs = diskIn(life, disk, faults);
    const report = await runActor(own, counters, {
      clock,
      labels: { thread: 1 },
      claim: (spec, { path, everyMs, followsEpoch }, log) => {
        const store = new FileCheckpointStore(path, { fs });
        const options = { store, key: undefined, checkpointEveryMs: everyMs, checkpoint: undefined, log };
        return claimUnlessEnded(spec, options, followsEpoch);
      },
      openResilience: async (handle) =>
        recording(openResilience(handle as ResilienceHandle, { clock }), this.#context.onGrant),
      overrides: ({ sink }) => ({ sink: filesOn(fs, sink.options) }),
    });
    await life.pass();
    own.control.close();
    own.logs.close();
    this.#context.life.whenRunning(() => this.#resolve({ report, leftovers: [] }));
    life.end();
  }
}

/** The sink of JSON lines on a disk of the simulation. */
const filesOn = (fs: FileSystem, options: unknown): SinkFactory<unknown> => ({
  create: (_options, schema, context) =>
    jsonlSink.create(JsonlSinkOptions.parse(options), schema, context, fs),
});

/** Tells what its limiters grant. */
function recording(client: ResilienceClient, onGrant: (cost: number) => void): ResilienceClient {
  const limiterOf = client.limiter.bind(client);
  client.limiter = (ref) => {
    const limiter = limiterOf(ref);
    const acquire = limiter.acquire.bind(limiter);
    limiter.acquire = async (options) => {
      const permit = await acquire(options);
      onGrant(options?.cost ?? 1);
      return permit;
    };
    const tryAcquire = limiter.tryAcquire.bind(limiter);
    limiter.tryAcquire = (cost) => {
      const waitNs = tryAcquire(cost);
      if (waitNs === 0) onGrant(cost ?? 1);
      return waitNs;
    };
    return limiter;
  };
  return client;
}
