import type { Clock, TimerHandle } from '../../src/core/clock.js';
import type { WireError } from '../../src/core/errors.js';
import type { Nanos } from '../../src/core/units.js';
import { Counters } from '../../src/shared-memory/counters.js';
import type { RuntimeEvent } from '../../src/supervision/job.js';
import { contextOfQueued, type JobContext } from '../../src/supervision/job-context.js';
import type { RestartPolicy } from '../../src/supervision/restart-policy.js';
import {
  Supervisor,
  type SupervisorContext,
  type SupervisorSettings,
} from '../../src/supervision/supervisor.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { FakeThreads } from './fake-threads.js';
import { firstComeFirstServed } from './first-come-first-served.js';

export const START_DEADLINE_MS = 30_000;

/** A supervisor of threads that do what the test says. As many may start at a time as there are. */
export function startSupervisor(
  settings: Partial<SupervisorSettings> = {},
  more: Partial<SupervisorContext> & { readonly threads?: FakeThreads } = {},
) {
  const context = supervisorContext(settings, more);
  const supervisor = new Supervisor(context);
  const events: RuntimeEvent[] = [];
  supervisor.on((event) => events.push(event));
  return { ...context, supervisor, events };
}

/** What such a supervisor is made of. */
export function supervisorContext(
  settings: Partial<SupervisorSettings> = {},
  {
    log = silentLogger,
    threadsStartingMax = 100,
    threads = new FakeThreads(),
    inspect,
    topics,
    watchdog,
    threadTime,
  }: Partial<SupervisorContext> & { readonly threads?: FakeThreads } = {},
) {
  return {
    clock: new ManualClock(),
    threads,
    log,
    threadsStartingMax,
    seed: 1,
    inspect,
    watchdog,
    threadTime,
    queue: firstComeFirstServed(),
    ...(topics && { topics }),
    settings: {
      maxThreads: 8,
      startDeadlineMs: START_DEADLINE_MS,
      drainDeadlineMs: 10_000,
      stopGraceMs: 5_000,
      ...settings,
    },
  };
}

export function specOf(name: string, sink: Partial<ResolvedSpec['sink']> = {}): ResolvedSpec {
  return {
    name,
    source: { use: 'fake', options: {} },
    operators: [],
    batcher: { use: 'fake', options: {} },
    sink: { use: 'fake', options: {}, ...sink },
    batchRows: 8,
    maxMemoryMb: 64,
    seed: 0,
  };
}

/** What the machine of a job begins with. */
export const queuedContext: JobContext = contextOfQueued(0);

/** Waits of up to a second, then two, four and at most five; three restarts within a minute. */
export const onFailure: RestartPolicy = {
  policy: 'on-failure',
  backOffMs: 1_000,
  backOffMaxMs: 5_000,
  stableAfterMs: 10_000,
  maxRestarts: 3,
  withinMs: 60_000,
};

export const crash: WireError = { code: 'THREAD_CRASHED', message: 'boom', retryable: true };

export function reportOf(
  outcome: PipelineReport['outcome'],
  more: Partial<PipelineReport> = {},
): PipelineReport {
  return {
    outcome,
    reason: outcome === 'completed' ? 'end of input' : outcome === 'stopped' ? 'stopped' : 'error',
    counters: new Counters().read(),
    rowsPending: 0,
    dropped: { late: 0 },
    leftOut: { rowsDropped: 0, dropped: { late: 0 }, rowsRejected: 0, rowsLate: 0, rowsUnrouted: 0 },
    durationMs: 1,
    outputs: [],
    flushes: { rows: 0, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 },
    stages: [],
    ...(outcome === 'failed' && {
      error: { code: 'SOURCE_FAILED' as const, message: 'the feed broke', retryable: true },
    }),
    ...more,
  };
}

/** Time that stands until it is moved. */
export class ManualClock implements Clock {
  #now = 1_000_000_000n;
  #timers: { at: bigint; callback: () => void }[] = [];

  now(): Nanos {
    return this.#now as Nanos;
  }
  wall(): Nanos {
    return (1_700_000_000_000_000_000n + this.#now) as Nanos;
  }
  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const timer = { at: this.#now + BigInt(Math.ceil(delayMs * 1e6)), callback };
    this.#timers.push(timer);
    return timer;
  }
  clearTimeout(handle: TimerHandle): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }
  get timersArmed(): number {
    return this.#timers.length;
  }
  /** Lets time pass at once, while the thread sleeps: timers that are due fire late, all of them now. */
  leap(ms: number): void {
    this.#now += BigInt(ms) * 1_000_000n;
    this.advance(0);
  }
  advance(ms: number): void {
    const until = this.#now + BigInt(ms) * 1_000_000n;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => Number(a.at - b.at))[0];
      if (!next) break;
      if (next.at > this.#now) this.#now = next.at;
      this.clearTimeout(next);
      next.callback();
    }
    this.#now = until;
  }
}
