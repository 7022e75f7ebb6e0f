import type { Nanos } from '../../core/units.js';
import {
  EXPIRY_WRAP_MS,
  epochOf,
  isHeldBy,
  isProbeOf,
  PROBE_FAILED,
  PROBE_FREE,
  PROBE_OUT,
  PROBE_SUCCEEDED,
  PROBES_CELL,
  packProbe,
  probeExpiryMs,
  probeOutcome,
  WORD_CELL,
  withOutcome,
} from '../../shared-memory/breaker-memory.js';
import type { CallSettings } from './shared-settings.js';
import { announceChange, signalOwner } from './signals.js';

const NS_PER_MS = 1e6;
/** A thread may have slept since it read the clock; to it, new leases seem to be longer than they are. */
const STALE_MS_MAX = 3_600_000;

/** A probe that a thread holds. */
export interface HeldProbe {
  readonly slot: number;
  /** The word in the slot while the probe is held. */
  readonly lease: bigint;
}

/** Verdict on the probes of a half-open breaker. */
export type ProbeVerdict = 'undecided' | 'succeeded' | 'failed';

/**
 * The probes of a half-open breaker in shared memory. Each slot holds a lease, so that a dead thread
 * cannot keep a probe. Without a lock: any thread may call any method.
 */
export class Probes {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly count: number;
  readonly #successRate: number;
  readonly #msMax: number;

  constructor(words: Int32Array, longs: BigInt64Array, settings: CallSettings) {
    this.#words = words;
    this.#longs = longs;
    this.count = settings.probes;
    this.#successRate = settings.probeSuccessRate;
    this.#msMax = settings.probeMsMax;
  }

  /**
   * Claims a probe of a half-open breaker. The call is let through if, after its slot was claimed, the
   * breaker was still in that state and its probes were undecided. Otherwise the slot is freed.
   *
   * @returns `undefined` if no probe is available or the state has changed.
   */
  claim(word: number, now: Nanos, threadId: number): HeldProbe | undefined {
    const epoch = epochOf(word);
    const lease = packProbe(PROBE_OUT, epoch, threadId, Math.floor(nowMs(now) + this.#msMax) + 1);
    for (let slot = 0; slot < this.count; slot++) {
      let probe = Atomics.load(this.#longs, PROBES_CELL + slot);
      while (this.#isToBeHad(probe, epoch, now)) {
        const found = Atomics.compareExchange(this.#longs, PROBES_CELL + slot, probe, lease);
        if (found !== probe) {
          probe = found;
          continue;
        }
        // Outcomes are only ever added, so if it is undecided here it was undecided before as well.
        if (this.verdict(epoch) === 'undecided' && Atomics.load(this.#words, WORD_CELL) === word)
          return { slot, lease };
        this.giveBack({ slot, lease });
        return undefined;
      }
    }
    return undefined;
  }

  #isToBeHad(probe: bigint, epoch: number, now: Nanos): boolean {
    if (!isProbeOf(probe, epoch)) return true; // from an earlier half-open phase
    const outcome = probeOutcome(probe);
    return outcome === PROBE_FREE || (outcome === PROBE_OUT && this.#msLeft(probe, now) === 0);
  }

  /**
   * Counts the outcome, unless the probe was reassigned meanwhile or belongs to an earlier half-open
   * phase.
   */
  report({ slot, lease }: HeldProbe, word: number, isSuccess: boolean): boolean {
    if (Atomics.load(this.#words, WORD_CELL) !== word) return false;
    const told = withOutcome(lease, isSuccess ? PROBE_SUCCEEDED : PROBE_FAILED);
    if (Atomics.compareExchange(this.#longs, PROBES_CELL + slot, lease, told) !== lease) return false;
    signalOwner(this.#words);
    return true;
  }

  /** @returns Whether the probe was still held. */
  giveBack({ slot, lease }: HeldProbe): boolean {
    const free = withOutcome(lease, PROBE_FREE);
    if (Atomics.compareExchange(this.#longs, PROBES_CELL + slot, lease, free) !== lease) return false;
    announceChange(this.#words);
    return true;
  }

  /**
   * Frees the probes of a dead thread.
   *
   * @returns The number of probes freed.
   */
  reclaim(threadId: number): number {
    let taken = 0;
    for (let slot = 0; slot < this.count; slot++) {
      const lease = Atomics.load(this.#longs, PROBES_CELL + slot);
      if (isHeldBy(lease, threadId) && this.giveBack({ slot, lease })) taken++;
    }
    return taken;
  }

  verdict(epoch: number): ProbeVerdict {
    let succeeded = 0;
    let failed = 0;
    for (let slot = 0; slot < this.count; slot++) {
      const outcome = this.outcome(slot, epoch);
      if (outcome === PROBE_SUCCEEDED) succeeded++;
      else if (outcome === PROBE_FAILED) failed++;
    }
    // Divided, not multiplied, so that 3 of 30 is exactly the 0.1 that somebody wrote.
    if (succeeded / this.count >= this.#successRate) return 'succeeded';
    return (this.count - failed) / this.count < this.#successRate ? 'failed' : 'undecided';
  }

  outcome(slot: number, epoch: number): number {
    const probe = Atomics.load(this.#longs, PROBES_CELL + slot);
    return isProbeOf(probe, epoch) ? probeOutcome(probe) : PROBE_FREE;
  }

  isAvailable(epoch: number, now: Nanos): boolean {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.#isToBeHad(Atomics.load(this.#longs, PROBES_CELL + slot), epoch, now)) return true;
    }
    return false;
  }

  /** Ms until the first outstanding probe may be reassigned; `undefined` if none is outstanding. */
  msUntilNext(epoch: number, now: Nanos): number | undefined {
    let soonest: number | undefined;
    for (let slot = 0; slot < this.count; slot++) {
      const probe = Atomics.load(this.#longs, PROBES_CELL + slot);
      if (!isProbeOf(probe, epoch) || probeOutcome(probe) !== PROBE_OUT) continue;
      const left = this.#msLeft(probe, now);
      if (soonest === undefined || left < soonest) soonest = left;
    }
    return soonest;
  }

  /** Clears the probes of a past half-open phase: their epoch may return after a wrap. */
  forget(epoch: number): void {
    for (let slot = 0; slot < this.count; slot++) {
      const probe = Atomics.load(this.#longs, PROBES_CELL + slot);
      // Only if unchanged: the breaker may already be half-open again, and the slot claimed.
      if (isProbeOf(probe, epoch)) Atomics.compareExchange(this.#longs, PROBES_CELL + slot, probe, 0n);
    }
  }

  /**
   * Milliseconds until a lease expires; 0 if it has. The expiry wraps, but what seems to be further away
   * than a new lease has passed. So however long nobody called, an old lease blocks nobody.
   */
  #msLeft(lease: bigint, now: Nanos): number {
    const left = modulo(probeExpiryMs(lease) - nowMs(now), EXPIRY_WRAP_MS);
    return left > this.#msMax + STALE_MS_MAX ? 0 : left;
  }
}

const nowMs = (now: Nanos): number => Number(now) / NS_PER_MS;
const modulo = (value: number, by: number): number => ((value % by) + by) % by;
