import type { Clock, TimerHandle } from '../core/clock.js';
import { type ThreadTime, threadTime } from '../hosts/thread-time.js';
import type { Counters } from '../shared-memory/counters.js';
import type { ThreadWatch } from '../shared-memory/thread-watch.js';
import { LoopWatch, type StillLoop } from './loop-watch.js';
import { ProgressWatch } from './progress-watch.js';

export interface WatchdogSettings {
  /** How long the event loop of a thread may not turn before its run is ended; 0: for ever. */
  readonly loopMs: number;
  /** How long rows may wait without progress before that is told; 0: for ever. */
  readonly progressMs: number;
  /** What follows if they still wait after the same time again. */
  readonly onStall: 'warn' | 'restart';
}

/** A run as the watchdog sees it. The object itself stands for the run. */
export interface WatchedRun {
  readonly counters: Pick<Counters, 'get' | 'read'>;
  readonly watch: Pick<ThreadWatch, 'held' | 'place' | 'systemId'>;
}

/** A job, as long as it has a run that is to be watched. */
export interface WatchedJob {
  /** Missing: it has none, or its start or its end has a deadline of its own. */
  readonly watched?: { readonly run: WatchedRun; readonly isPaused: boolean } | undefined;
  /** The loop does not turn. The run is to be ended. */
  findStuck(finding: StuckFinding): void;
  /** Rows wait, and nothing moves. `mustEnd`: for so long that the run is to be ended. */
  findStalled(finding: StallFinding): void;
  /** Rows move again. */
  findMoving(): void;
}

export interface StuckFinding extends StillLoop {
  /** The place of the stage that the thread is in; 0 if it is not known. */
  readonly place: number;
}

export interface StallFinding {
  /** The place of the stage that holds the rows up, as `placesOf` counts, from 1. */
  readonly place: number;
  readonly forMs: number;
  readonly mustEnd: boolean;
}

export interface WatchdogParts {
  readonly clock: Clock;
  readonly settings: WatchdogSettings;
  /** Jobs that may have a run. */
  jobs(): Iterable<WatchedJob>;
  /** Default: asks the system. */
  readonly threadTime?: ((systemId: number) => ThreadTime | undefined) | undefined;
  /** Whether somebody debugs this process: a thread at a breakpoint does not turn its loop. */
  isDebugged?(): boolean;
}

/** Longest time between two looks. */
const LOOK_EVERY_MS = 1_000;
/** Looks within a deadline. */
const LOOKS = 4;

/**
 * Looks at the threads of all jobs, and tells two findings apart: an event loop that does not turn, and one that turns
 * while rows wait and nothing moves. A third one, a thread that is dead, is told by the thread's own exit.
 *
 * If a look comes so late that the process may have been stopped, or its main thread blocked, all counting starts anew:
 * the threads may have stood still for the same reason.
 */
export class Watchdog {
  readonly #parts: WatchdogParts;
  readonly #everyMs: number;
  readonly #runs = new WeakMap<WatchedRun, RunWatch>();
  #timer: TimerHandle | undefined;
  #lookedAtNs = 0n;

  constructor(parts: WatchdogParts) {
    this.#parts = parts;
    const { loopMs, progressMs } = parts.settings;
    const deadlines = [loopMs, progressMs].filter((ms) => ms > 0);
    this.#everyMs = Math.min(LOOK_EVERY_MS, Math.min(...deadlines) / LOOKS);
  }

  /** Looks from now on, for as long as there are jobs. Call it when there may be one. */
  wake(): void {
    const { clock, settings } = this.#parts;
    if (this.#timer !== undefined || (settings.loopMs === 0 && settings.progressMs === 0)) return;
    this.#lookedAtNs = clock.now();
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#parts;
    this.#timer = clock.setTimeout(() => this.#look(), this.#everyMs);
    clock.unref?.(this.#timer);
  }

  #look(): void {
    const { clock, jobs, isDebugged } = this.#parts;
    this.#timer = undefined;
    const now = clock.now();
    const elapsedMs = Number(now - this.#lookedAtNs) / 1e6;
    this.#lookedAtNs = now;
    const isLate = elapsedMs > 2 * this.#everyMs || isDebugged?.() === true;
    let areNone = true;
    for (const job of [...jobs()]) {
      areNone = false;
      const { watched } = job;
      if (!watched) continue;
      let state = this.#runs.get(watched.run);
      if (!state) {
        state = { loop: new LoopWatch(), progress: new ProgressWatch(), isStalled: false };
        this.#runs.set(watched.run, state);
      }
      if (isLate) {
        state.loop.startAnew();
        state.progress.startAnew();
      } else this.#judge(job, watched, state, elapsedMs);
    }
    if (!areNone) this.#arm();
  }

  #judge(
    job: WatchedJob,
    { run, isPaused }: WatchedJob['watched'] & object,
    state: RunWatch,
    elapsedMs: number,
  ): void {
    const { loopMs } = this.#parts.settings;
    const { counters, watch } = run;
    const { threadTime: ask = threadTime } = this.#parts;
    const still = state.loop.look(counters.get('heartbeatNs'), elapsedMs, () =>
      loopMs > 0 ? ask(watch.systemId) : undefined,
    );
    if (still && loopMs > 0 && still.countedMs >= loopMs) {
      state.loop.startAnew(); // told once
      job.findStuck({ ...still, place: watch.place });
      return;
    }
    if (isPaused) state.progress.startAnew();
    else this.#judgeProgress(job, run, state, state.loop.isStill ? 0 : elapsedMs);
  }

  #judgeProgress(job: WatchedJob, { counters, watch }: WatchedRun, state: RunWatch, elapsedMs: number): void {
    const { progressMs, onStall } = this.#parts.settings;
    if (progressMs === 0) return;
    const { held } = watch;
    const forMs = state.progress.look(held, counters.read(), elapsedMs);
    if (!held || forMs === 0) {
      if (state.isStalled && elapsedMs > 0) {
        state.isStalled = false;
        job.findMoving();
      }
      return;
    }
    const { place } = held;
    if (!state.isStalled && forMs >= progressMs) {
      state.isStalled = true;
      job.findStalled({ place, forMs, mustEnd: false });
    } else if (onStall === 'restart' && forMs >= 2 * progressMs) {
      state.progress.startAnew();
      job.findStalled({ place, forMs, mustEnd: true });
    }
  }
}

interface RunWatch {
  readonly loop: LoopWatch;
  readonly progress: ProgressWatch;
  /** Whether it was told that nothing moves. */
  isStalled: boolean;
}
