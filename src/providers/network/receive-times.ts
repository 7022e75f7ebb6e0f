import type { Clock } from '../../core/clock.js';

/** The wall clock of the system has whole ms: what is between comes from the monotonic one, this long at a time. */
const ANCHOR_NS_MAX = 1_000_000_000;
/** A wall clock that was set back by more is followed. */
const BACK_MS_MAX = 1_000;

/** The instants at which messages are received, in ns, in the order of receipt. Makes no object for one. */
export class ReceiveTimes {
  readonly #clock: Clock;
  #anchorNow = 0n;
  #anchorMs = 0;
  #anchorSub = 0;
  #isAnchored = false;
  /** Whole ms since 1970 UTC of the last `stamp`. */
  ms = 0;
  /** The ns past them. */
  sub = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the time. */
  stamp(): void {
    const now = this.#clock.now();
    let pastNs = Number(now - this.#anchorNow);
    if (!this.#isAnchored || pastNs > ANCHOR_NS_MAX || pastNs < 0) {
      const wall = this.#clock.wall();
      this.#isAnchored = true;
      this.#anchorNow = now;
      this.#anchorMs = Number(wall / 1_000_000n);
      this.#anchorSub = Number(wall % 1_000_000n);
      pastNs = 0;
    }
    const ns = this.#anchorSub + pastNs;
    const wholeMs = Math.floor(ns / 1e6);
    const ms = this.#anchorMs + wholeMs;
    const sub = ns - wholeMs * 1e6;
    const isBehind = ms < this.ms || (ms === this.ms && sub < this.sub);
    if (isBehind && this.ms - ms < BACK_MS_MAX) return;
    this.ms = ms;
    this.sub = sub;
  }
}
