import type { Nanos } from '../../core/units.js';
import type { Leases } from './leases.js';

/** The result of `acquire`. With an in-flight cap, release it when the call is over. */
export class Permit {
  readonly cost: number;
  /** Instant (`Clock.now`) as of which it was granted. */
  readonly at: Nanos;
  /** Ns that the call waited. */
  readonly waitedNs: number;
  readonly #leases: Leases | undefined;

  constructor(cost: number, at: Nanos, waitedNs: number, leases: Leases | undefined) {
    this.cost = cost;
    this.at = at;
    this.waitedNs = waitedNs;
    this.#leases = leases;
  }

  /** Frees the in-flight lease, if there is one. Later calls do nothing. */
  release(): void {
    this.#leases?.leave();
  }
}
