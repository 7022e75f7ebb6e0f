import type { ThreadTime } from '../hosts/thread-time.js';

const NS_PER_MS = 1e6;

/** Where the system does not say how a thread has spent its time, this part of it counts. */
const UNKNOWN_SHARE = 1 / 3;

/** How a thread has spent the time for which its event loop did not turn. */
export interface StillLoop {
  /** Ms that count: those in which the loop could have turned. */
  readonly countedMs: number;
  /** Ms on a processor; `undefined` if the system does not say. */
  readonly ranMs: number | undefined;
}

/**
 * Judges whether the event loop of a thread turns, by its heartbeats. What counts is the time in which the loop could
 * have turned: time in which the thread ran, or waited in a call by its own choice. Time in which it could have run and
 * had no processor does not count, so that a thread on a busy machine is left alone, however seldom it has its turn. It
 * begins to count at the first look that finds no new heartbeat.
 */
export class LoopWatch {
  #beatNs = 0;
  #time: ThreadTime | undefined;
  #isStill = false;
  #countedMs = 0;
  #ranNs = 0;

  /** Whether there was no heartbeat between the last two looks. */
  get isStill(): boolean {
    return this.#isStill;
  }

  /** Forgets all that it has counted: nobody has looked for too long. */
  startAnew(): void {
    this.#isStill = false;
    this.#countedMs = 0;
    this.#ranNs = 0;
    this.#time = undefined;
  }

  /**
   * Takes a look.
   *
   * @param beatNs - The last heartbeat.
   * @param elapsedMs - Since the last look.
   * @param ask - Asks the system about the thread. Called only if there was no heartbeat since the last look.
   */
  look(beatNs: number, elapsedMs: number, ask: () => ThreadTime | undefined): StillLoop | undefined {
    if (beatNs !== this.#beatNs) {
      this.#beatNs = beatNs;
      this.startAnew();
      return undefined;
    }
    const time = ask();
    if (this.#isStill) this.#count(time, elapsedMs);
    this.#isStill = true;
    this.#time = time;
    return { countedMs: this.#countedMs, ranMs: time && this.#ranNs / NS_PER_MS };
  }

  #count(time: ThreadTime | undefined, elapsedMs: number): void {
    const before = this.#time;
    if (!time || !before) {
      this.#countedMs += elapsedMs * UNKNOWN_SHARE;
      return;
    }
    const ranNs = Math.max(0, time.ranNs - before.ranNs);
    const waitedMs = Math.max(0, time.waitedNs - before.waitedNs) / NS_PER_MS;
    this.#ranNs += ranNs;
    // Of one that waits for a processor right now, the system counts that wait only once it has got one.
    const couldTurnMs = time.isRunnable ? ranNs / NS_PER_MS : elapsedMs - waitedMs;
    this.#countedMs += Math.min(elapsedMs, Math.max(0, couldTurnMs));
  }
}
