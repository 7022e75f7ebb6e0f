import { type Millis, type Nanos, toMillisCeil } from './units.js';

/** What `setTimeout` of a clock returns. Only for the other methods of that clock. */
export type TimerHandle = unknown;

/**
 * Where a stage gets time from. Tests pass a simulated one. The two timer methods have the shape
 * that an XState machine expects of its clock.
 */
export interface Clock {
  /** Monotonic; one origin for all threads of a process. For durations and deadlines. */
  now(): Nanos;
  /** Nanoseconds since 1970, UTC. May step; for stamps that people read, never for durations. */
  wall(): Nanos;
  /** Calls back once after at least `delayMs`, which may exceed 2³¹ − 1. */
  setTimeout(callback: () => void, delayMs: number): TimerHandle;
  /** Cancels a timer. Does nothing if it has fired. */
  clearTimeout(handle: TimerHandle): void;
  /** Lets the process end before this timer has fired. A clock without this method keeps no process alive. */
  unref?(handle: TimerHandle): void;
}

/** Node truncates longer delays to 1 ms. */
const TIMER_DELAY_MS_MAX = 2_147_483_647;

interface SystemTimer {
  handle: NodeJS.Timeout | undefined;
  isRef: boolean;
}

/** Looked up once: `process` is a getter of the global object, and to call it costs 22 of 60 ns. */
const { bigint: monotonicNs } = process.hrtime;

/** The clocks and timers of Node. */
export const systemClock: Clock = {
  now: () => monotonicNs() as Nanos,
  wall: () => (BigInt(Date.now()) * 1_000_000n) as Nanos,
  setTimeout(callback, delayMs) {
    const timer: SystemTimer = { handle: undefined, isRef: true };
    const arm = (left: number) => {
      const chunk = Math.min(left, TIMER_DELAY_MS_MAX);
      timer.handle = setTimeout(() => (left > chunk ? arm(left - chunk) : callback()), chunk);
      if (!timer.isRef) timer.handle.unref();
    };
    arm(delayMs);
    return timer;
  },
  clearTimeout(handle) {
    clearTimeout((handle as SystemTimer | undefined)?.handle);
  },
  unref(handle) {
    const timer = handle as SystemTimer;
    timer.isRef = false;
    timer.handle?.unref();
  },
};

/**
 * Resolves once `until` has come, or as soon as `signal` aborts (it does not reject: the caller
 * looks at the signal). Re-checks the clock, since a timer may fire up to 1 ms early.
 */
export function sleepUntil(clock: Clock, until: Nanos, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: TimerHandle;
    const finish = () => {
      signal?.removeEventListener('abort', finish);
      clock.clearTimeout(timer);
      resolve();
    };
    const check = () => {
      const left = (until - clock.now()) as Nanos;
      if (left <= 0n || signal?.aborted) finish();
      else timer = clock.setTimeout(check, toMillisCeil(left));
    };
    signal?.addEventListener('abort', finish, { once: true });
    check();
  });
}

/** Lets timers, sockets and control messages have their turn. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves once every promise that can settle without timers, files and sockets has settled. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    // From within a reaction of a promise: only then does a tick come after all reactions.
    queueMicrotask(() => process.nextTick(resolve));
  });
}

export const sleep = (clock: Clock, delay: Millis, signal?: AbortSignal): Promise<void> =>
  sleepUntil(clock, (clock.now() + BigInt(Math.ceil(delay)) * 1_000_000n) as Nanos, signal);
