import type { Nanos } from '../../core/units.js';
import {
  CHANGE_CELL,
  epochOf,
  HALF_OPEN,
  isHeldBy,
  isProbeOf,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  PROBE_FAILED,
  PROBE_FREE,
  PROBE_OUT,
  PROBE_SUCCEEDED,
  PROBES_CELL,
  packProbe,
  packWord,
  probeExpiryMs,
  probeOutcome,
  reasonOf,
  SIGNAL_CELL,
  WORD_CELL,
  withOutcome,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerHandle } from './breaker-handle.js';

const NS_PER_MS = 1_000_000n;

/** A probe that a thread holds. */
export interface HeldProbe {
  readonly slot: number;
  /** The word in its slot for as long as it is held. */
  readonly lease: bigint;
}

/** How the probes of a half-open breaker stand. */
export type ProbeVerdict = 'undecided' | 'succeeded' | 'failed';

/**
 * The state of a breaker in shared memory, without a lock: every method may be called by any thread.
 * Each change is one compare-and-swap, and what is prepared before it is harmless if the thread dies
 * in between.
 */
export class BreakerCells {
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly #probes: number;
  readonly #probeSuccessRate: number;
  readonly #probeNsMax: bigint;

  constructor({ memory, settings }: Pick<BreakerHandle, 'memory' | 'settings'>) {
    this.words = new Int32Array(memory);
    this.longs = new BigInt64Array(memory);
    this.#probes = settings.probes;
    this.#probeSuccessRate = settings.probeSuccessRate;
    this.#probeNsMax = BigInt(Math.ceil(settings.probeMsMax * 1e6));
  }

  load(): number {
    return Atomics.load(this.words, WORD_CELL);
  }

  /** @returns Whether the word was `from` and is `to` now. Those who wait for a change are woken. */
  move(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.words, WORD_CELL, from, to) !== from) return false;
    Atomics.add(this.words, CHANGE_CELL, 1);
    Atomics.notify(this.words, CHANGE_CELL);
    return true;
  }

  /**
   * closed → open.
   *
   * @param word - The control word of the closed breaker in whose time the call was let through.
   * @returns Whether this call did it.
   */
  trip(word: number, reason: number, now: Nanos): boolean {
    for (;;) {
      const openedAt = Atomics.load(this.longs, OPENED_AT_CELL);
      // After the load above: whoever opens it in the meantime changes the cell, and so does the main
      // thread when it closes it again. A thread that slept here cannot put its old instant there.
      if (this.load() !== word) return false;
      if (openedAt >= now) break;
      if (Atomics.compareExchange(this.longs, OPENED_AT_CELL, openedAt, now) === openedAt) break;
    }
    if (!this.move(word, packWord(OPEN, reason, nextEpoch(word)))) return false;
    this.signal();
    return true;
  }

  /** Open → half-open, if its time is over. @returns Whether it may be half-open now: look again. */
  beginProbing(word: number, now: Nanos): boolean {
    if (now < this.openUntil()) return false;
    if (this.move(word, packWord(HALF_OPEN, reasonOf(word), nextEpoch(word)))) this.signal();
    return true;
  }

  openedAt(): bigint {
    return Atomics.load(this.longs, OPENED_AT_CELL);
  }

  openUntil(): bigint {
    return Atomics.load(this.longs, OPENED_AT_CELL) + Atomics.load(this.longs, OPEN_FOR_CELL);
  }

  /**
   * Takes one of the probes of a half-open breaker. It was let through if, after its slot was taken, the
   * breaker was still in that state and its probes were undecided; else the slot is given back.
   *
   * @returns `undefined`: there is none to be had, or the state has changed.
   */
  claimProbe(word: number, now: Nanos, threadId: number): HeldProbe | undefined {
    const epoch = epochOf(word);
    const lease = packProbe(PROBE_OUT, epoch, threadId, Number((now + this.#probeNsMax) / NS_PER_MS) + 1);
    for (let slot = 0; slot < this.#probes; slot++) {
      let probe = Atomics.load(this.longs, PROBES_CELL + slot);
      while (this.#isToBeHad(probe, epoch, now)) {
        const found = Atomics.compareExchange(this.longs, PROBES_CELL + slot, probe, lease);
        if (found !== probe) {
          probe = found;
          continue;
        }
        // Outcomes only ever come to more, so that one found undecided was so when the look began.
        if (this.verdict(epoch) === 'undecided' && this.load() === word) return { slot, lease };
        this.giveBack({ slot, lease });
        return undefined;
      }
    }
    return undefined;
  }

  #isToBeHad(probe: bigint, epoch: number, now: Nanos): boolean {
    if (!isProbeOf(probe, epoch)) return true; // of an earlier time
    const outcome = probeOutcome(probe);
    return outcome === PROBE_FREE || (outcome === PROBE_OUT && msUntil(probeExpiryMs(probe), now) <= 0);
  }

  /** Counts the outcome, unless the probe was given to another in the meantime or is of an earlier time. */
  reportProbe({ slot, lease }: HeldProbe, word: number, isSuccess: boolean): boolean {
    if (this.load() !== word) return false;
    const told = withOutcome(lease, isSuccess ? PROBE_SUCCEEDED : PROBE_FAILED);
    if (Atomics.compareExchange(this.longs, PROBES_CELL + slot, lease, told) !== lease) return false;
    this.signal();
    return true;
  }

  /** @returns Whether it was still held. */
  giveBack({ slot, lease }: HeldProbe): boolean {
    const free = withOutcome(lease, PROBE_FREE);
    if (Atomics.compareExchange(this.longs, PROBES_CELL + slot, lease, free) !== lease) return false;
    Atomics.add(this.words, CHANGE_CELL, 1);
    Atomics.notify(this.words, CHANGE_CELL);
    return true;
  }

  /** Gives back what a dead thread holds. @returns How many probes that were. */
  reclaim(threadId: number): number {
    let taken = 0;
    for (let slot = 0; slot < this.#probes; slot++) {
      const lease = Atomics.load(this.longs, PROBES_CELL + slot);
      if (isHeldBy(lease, threadId) && this.giveBack({ slot, lease })) taken++;
    }
    return taken;
  }

  verdict(epoch: number): ProbeVerdict {
    let succeeded = 0;
    let failed = 0;
    for (let slot = 0; slot < this.#probes; slot++) {
      const outcome = this.outcome(slot, epoch);
      if (outcome === PROBE_SUCCEEDED) succeeded++;
      else if (outcome === PROBE_FAILED) failed++;
    }
    // Divided, not multiplied: 3 of 30 is then exactly the 0.1 that somebody wrote.
    if (succeeded / this.#probes >= this.#probeSuccessRate) return 'succeeded';
    return (this.#probes - failed) / this.#probes < this.#probeSuccessRate ? 'failed' : 'undecided';
  }

  outcome(slot: number, epoch: number): number {
    const probe = Atomics.load(this.longs, PROBES_CELL + slot);
    return isProbeOf(probe, epoch) ? probeOutcome(probe) : PROBE_FREE;
  }

  hasProbe(epoch: number, now: Nanos): boolean {
    for (let slot = 0; slot < this.#probes; slot++) {
      if (this.#isToBeHad(Atomics.load(this.longs, PROBES_CELL + slot), epoch, now)) return true;
    }
    return false;
  }

  /** Ms until the first of the probes that are out may be given to another; `undefined`: none is out. */
  msUntilProbe(epoch: number, now: Nanos): number | undefined {
    let soonest: number | undefined;
    for (let slot = 0; slot < this.#probes; slot++) {
      const probe = Atomics.load(this.longs, PROBES_CELL + slot);
      if (!isProbeOf(probe, epoch) || probeOutcome(probe) !== PROBE_OUT) continue;
      const left = Math.max(0, msUntil(probeExpiryMs(probe), now));
      if (soonest === undefined || left < soonest) soonest = left;
    }
    return soonest;
  }

  /** Wipes the probes of a time that is over: their epoch may come again after a wrap. */
  forgetProbes(epoch: number): void {
    for (let slot = 0; slot < this.#probes; slot++) {
      const probe = Atomics.load(this.longs, PROBES_CELL + slot);
      // Only if unchanged: it may be half-open again already, and the slot taken.
      if (isProbeOf(probe, epoch)) Atomics.compareExchange(this.longs, PROBES_CELL + slot, probe, 0n);
    }
  }

  /** Has the main thread look at the memory. */
  signal(): void {
    Atomics.add(this.words, SIGNAL_CELL, 1);
    Atomics.notify(this.words, SIGNAL_CELL);
  }
}

/** Ms from now to an instant of which the lower 32 bits are known, and which is at most 24 days away. */
function msUntil(instantMs: number, now: Nanos): number {
  return (instantMs - Number(BigInt.asUintN(32, now / NS_PER_MS))) | 0;
}
