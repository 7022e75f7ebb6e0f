import type { Nanos } from '../../core/units.js';
import type { Leases } from './leases.js';

/** The result of `acquire`. With an in-flight cap, release it when the call is over. */
export class Permit {
  /** Permits that were taken. */
  readonly cost: number;
  /** Instant (`Clock.now`) as of which it was granted. */
  readonly atNs: Nanos;
  /** Ns that the call waited. */
  readonly waitedNs: number;
  readonly #leases: Leases | undefined;

  /** @param cost - Permits that were taken. */
  constructor(cost: number, atNs: Nanos, waitedNs: number, leases: Leases | undefined) {
    this.cost = cost;
    this.atNs = atNs;
    this.waitedNs = waitedNs;
    this.#leases = leases;
  }

  /** Frees the in-flight lease, if there is one. Later calls do nothing. */
  release(): void {
    this.#leases?.leave();
  }
}
