import type { Transferable } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../core/clock.js';
import { toWireError, type WireError } from '../core/errors.js';
import { NANOS_PER_MILLI, type Nanos } from '../core/units.js';
import type { Isolation, PreparedThread, ThreadRun, Threads } from '../hosts/threads.js';
import { COUNTERS_BYTES, Counters, countersHandle } from '../shared-memory/counters.js';
import { BEAT_EVERY_MS, heartbeatAgeMs } from '../shared-memory/heartbeat.js';
import { syncHandle } from '../shared-memory/sync-turns.js';
import { THREAD_WATCH_BYTES, ThreadWatch, threadWatchHandle } from '../shared-memory/thread-watch.js';
import type { Logger } from '../telemetry/logger.js';
import { type PipelineControl, type PipelineTask, PROTOCOL_VERSION } from '../wire/pipeline-actor.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import { StartStep } from '../wire/start-step.js';
import { ActorLink } from './actor-link.js';

/** What a run asks of its thread. */
export interface RunThreadParts {
  readonly clock: Clock;
  readonly threads: Threads;
  /** Of the job. */
  readonly log: Logger;
  readonly reusable: boolean;
  readonly isolation: Isolation;
  /** The thread that was made ready for the run. */
  readonly prepared: PreparedThread | undefined;
  /** How long an actor that must not be terminated may take to end by itself. */
  readonly stopGraceMs: number;
  /** See `mayRunUntil`. */
  readonly mayRunUntilNs: Nanos;
  /** The task, without what is made for each thread. */
  readonly task: Omit<PipelineTask, 'protocol' | 'counters' | 'watch' | 'syncs' | 'control' | 'logs'>;
}

/** Who is told what becomes of the thread of a run. No function may throw. */
export interface RunThreadListener {
  /** The thread has begun its task. */
  onBegun(): void;
  /** The run has claimed its key at the checkpoint store. */
  onClaimed(epoch: number): void;
  /** All stages are open. */
  onReady(): void;
  onEnded(report: PipelineReport): void;
  /** The thread is gone and left no report, or could not be ended in time. */
  onLost(error: WireError): void;
  /** The thread is free or gone: after its end was told, or later if it could not be ended. */
  onFreed(loss: WireError | undefined): void;
}

/** How long a pipeline that is stopped may take to report, before its thread is ended by force. */
const REPORT_GRACE_MS = 250;
/** The same once a deadline has passed: what hangs does not report, however long it is given. */
const REPORT_GRACE_LATE_MS = 50;
/** How long a thread that is ended by force may take to be gone. One in a system call goes once that returns. */
const FORCED_END_MS = 1_000;
/** The same if another run is to follow, which cannot begin before: only on a busy machine does it take so long. */
const FORCED_END_BEFORE_NEXT_MS = 10_000;

/** One run of a job: the task in its thread, with its ports and counters. */
export class RunThread {
  readonly counters: Counters;
  readonly watch: ThreadWatch;
  /** Answer of the actor to the last command. */
  acknowledged: Promise<unknown> | undefined;
  readonly #parts: RunThreadParts;
  readonly #listener: RunThreadListener;
  readonly #startedAtNs: bigint;
  #closedAtNs: bigint | undefined;
  readonly #link: ActorLink;
  readonly #run: ThreadRun;
  /** Of earlier starts, as the checkpoint says that this one goes on from. */
  #rowsOutBefore = 0;
  #graceTimer: TimerHandle | undefined;
  #isForced = false;

  /** Tells nothing before the caller has returned to the event loop. */
  constructor(parts: RunThreadParts, listener: RunThreadListener) {
    const { clock, threads, log, reusable, prepared, isolation, task, mayRunUntilNs } = parts;
    this.#parts = parts;
    this.#listener = listener;
    this.#startedAtNs = clock.now();
    const memory = new SharedArrayBuffer(COUNTERS_BYTES);
    this.counters = new Counters(memory);
    const watchMemory = new SharedArrayBuffer(THREAD_WATCH_BYTES);
    this.watch = new ThreadWatch(watchMemory);
    this.counters.mayRunUntilNs = mayRunUntilNs; // before the thread may look
    this.#link = new ActorLink(log, this.counters, {
      onBegun: () => listener.onBegun(),
      onClaimed: ({ epoch, rowsOut }) => {
        this.#rowsOutBefore = rowsOut;
        listener.onClaimed(epoch);
      },
    });
    const { control, logs } = this.#link.far;
    const own = {
      protocol: PROTOCOL_VERSION,
      counters: countersHandle(memory),
      watch: threadWatchHandle(watchMemory),
      syncs: syncHandle(),
    } as const;
    const transfer: Transferable[] = [control, logs, ...(task.topics ? [task.topics] : [])];
    this.#run = threads.run({ ...task, ...own, control, logs }, transfer, {
      reusable,
      prepared,
      isolation,
    });
    // The thread is freed in the same step, so that a caller that awaits the outcome finds it free.
    this.#run.outcome.then(
      ({ report }) => {
        listener.onEnded(report);
        listener.onFreed(undefined);
      },
      (error: unknown) => {
        const wire = toWireError(error);
        listener.onLost(wire);
        listener.onFreed(wire);
      },
    );
    void this.ask('ready').then(
      () => listener.onReady(),
      () => {}, // the run's outcome says what is wrong
    );
  }

  /**
   * Says until when the run may deliver and commit. Takes effect at once, also while the thread is blocked.
   *
   * @param instant - On the clock of the process; 0: there is no end.
   */
  mayRunUntil(instant: Nanos): void {
    this.counters.mayRunUntilNs = instant;
    this.#run.tellMayRunUntil?.();
  }

  /** Whether it is a thread or a process, and of a process which one. */
  get host(): { readonly isolation: Isolation['by']; readonly pid?: number } {
    const { pid } = this.#run;
    return { isolation: this.#parts.isolation.by, ...(pid !== undefined && { pid }) };
  }

  /** Whether the thread came up. */
  get hasHeartbeat(): boolean {
    return this.counters.get('heartbeatNs') !== 0;
  }

  /**
   * Whether the thread is in a call that does not return, as far as can be seen: it was ended by force and is still
   * there, or has had no heartbeat for long.
   */
  get isBlocked(): boolean {
    const ageMs = heartbeatAgeMs(this.counters.read(), this.#parts.clock.now());
    return this.#isForced || ageMs === undefined || ageMs > 5 * BEAT_EVERY_MS;
  }

  /** To its end, or to now. */
  get durationMs(): number {
    const until = this.#closedAtNs ?? this.#parts.clock.now();
    return Number(until - this.#startedAtNs) / Number(NANOS_PER_MILLI);
  }

  /**
   * Whether it has delivered rows for so long, from the first ones to the last ones, pauses aside. To be asked once it
   * is closed: what the checkpoint had may be among its last words.
   */
  hasDeliveredFor(ms: number): boolean {
    const { firstOutAtNs, lastOutAtNs, rowsOut } = this.counters.read();
    return rowsOut > this.#rowsOutBefore && (lastOutAtNs - firstOutAtNs) / 1e6 >= ms;
  }

  ask<K extends keyof PipelineControl>(
    what: K,
  ): Promise<Awaited<ReturnType<PipelineControl[K]>> | undefined> {
    return this.#link.ask(what);
  }

  command(what: 'pause' | 'resume' | 'drain' | 'suspend'): void {
    // A rejection is the actor's bug, which the outcome of its run will show. Nobody may be waiting here.
    this.acknowledged = this.ask(what).catch(() => {});
  }

  /**
   * Ends the thread. A later call may make it more urgent.
   *
   * @param how.native - The component with native code, if there is one: then the thread must not be terminated.
   * @param how.isFollowed - Whether another run may follow.
   * @param how.isLate - Whether its deadline has passed.
   */
  end({
    native,
    isFollowed,
    isLate = false,
  }: {
    readonly native: string | undefined;
    readonly isFollowed: boolean;
    readonly isLate?: boolean;
  }): void {
    if (native !== undefined) {
      this.#endNative(native);
      return;
    }
    const waitMs = isFollowed ? FORCED_END_BEFORE_NEXT_MS : FORCED_END_MS;
    if (this.counters.get('startStep') !== StartStep.started) {
      this.endNow(waitMs);
      return;
    }
    // Only the pipeline can say what became of its rows, and which of them are durable.
    void this.ask('stop').catch(() => {});
    this.#after(isLate ? REPORT_GRACE_LATE_MS : REPORT_GRACE_MS, () => this.endNow(waitMs));
  }

  /** Ends the thread by force. */
  endNow(waitMs = FORCED_END_MS): void {
    this.#isForced = true;
    this.#run.end();
    this.#leaveAfter(
      waitMs,
      this.host.isolation === 'process'
        ? 'it was ended by force, and goes once the system has freed its memory and any call that it is in returns, such as one that waits for a disk or a network file system'
        : 'it was ended by force, but is in a call that cannot be interrupted, such as execFileSync, and goes once that returns: give such a call a timeout, or use its asynchronous form, such as spawn',
    );
  }

  #endNative(use: string): void {
    void this.ask('stop').catch(() => {});
    this.#leaveAfter(
      this.#parts.stopGraceMs,
      `"${use}" loads native code, and terminating its thread could crash the process`,
    );
  }

  /** Gives the thread up, if it is still there by then. Its end is noticed all the same. */
  #leaveAfter(ms: number, because: string): void {
    this.#after(ms, () => {
      const message = `The ${this.host.isolation} did not end within ${ms} ms and was left running: ${because}`;
      this.#listener.onLost({ code: 'THREAD_LEFT_RUNNING', message, retryable: false });
    });
  }

  #after(ms: number, then: () => void): void {
    const { clock } = this.#parts;
    clock.clearTimeout(this.#graceTimer);
    this.#graceTimer = clock.setTimeout(then, ms);
  }

  /** Frees the ports. Reads the last log lines first. */
  close(): void {
    this.#closedAtNs ??= this.#parts.clock.now();
    this.#link.close();
    this.#parts.clock.clearTimeout(this.#graceTimer);
  }
}
