import type { Clock } from '../core/clock.js';
import type { Nanos } from '../core/units.js';
import type { RateCoordinator } from './rate/rate-coordinator.js';
import type { ScopeRef } from './rate/scope-ref.js';

/** What is left of a cooldown is a double, in ms: less than this is no difference. */
const SAME_NS = 1_000_000n;

/**
 * The cooldowns of a budget that began in this process, apart from those that it was told of. Only its own are told to
 * the others: one that goes there and back would grow by the time that this takes, again and again.
 */
export class ToldCooldowns {
  readonly #ref: ScopeRef;
  readonly #rates: Pick<RateCoordinator, 'cooldown' | 'status'>;
  readonly #clock: Clock;
  #ownUntil = 0n;
  #toldUntil = 0n;
  #ownTold = 0n;

  constructor(ref: ScopeRef, rates: Pick<RateCoordinator, 'cooldown' | 'status'>, clock: Clock) {
    this.#ref = ref;
    this.#rates = rates;
    this.#clock = clock;
  }

  /** Ms that are left of a cooldown that began here; 0 if there is none. */
  ownLeftMs(): number {
    const now = this.#clock.now();
    const until = this.#until(now);
    if (until > this.#toldUntil + SAME_NS) this.#ownUntil = until;
    return Math.max(0, Number(this.#ownUntil - now) / 1e6);
  }

  /** Ms that are left of a cooldown that began here, which are now told. */
  tellOwn(): number {
    const leftMs = this.ownLeftMs();
    this.#ownTold = this.#ownUntil;
    return leftMs;
  }

  /** Whether a cooldown began here that was not told yet. */
  isUntold(): boolean {
    return this.ownLeftMs() > 0 && this.#ownUntil > this.#ownTold + SAME_NS;
  }

  /**
   * Keeps to a cooldown of others, if it is longer than the one here.
   *
   * @param cooldownMs - Counted from `sentAt`, when it was asked for: so it is at most short by the time that took.
   */
  tell(cooldownMs: number, sentAt: Nanos): void {
    this.ownLeftMs();
    const now = this.#clock.now();
    const leftMs = cooldownMs - Number(now - sentAt) / 1e6;
    if (!(leftMs > Number(this.#until(now) - now) / 1e6)) return;
    this.#rates.cooldown(this.#ref, leftMs);
    this.#toldUntil = this.#until(now);
  }

  /** When the cooldown ends that is here now; `now` if there is none. */
  #until(now: bigint): bigint {
    return now + BigInt(Math.round(this.#rates.status(this.#ref).cooldownMs * 1e6));
  }
}
