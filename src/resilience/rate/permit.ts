import type { Nanos } from '../../core/units.js';
import type { Leases } from './leases.js';

/** What `acquire` gives. Where an in-flight cap is set, release it when the call is over. */
export class Permit {
  readonly cost: number;
  /** Instant (`Clock.now`) as of which it was granted. */
  readonly at: Nanos;
  /** Ns that the call waited for it. */
  readonly waitedNs: number;
  readonly #leases: Leases | undefined;

  constructor(cost: number, at: Nanos, waitedNs: number, leases: Leases | undefined) {
    this.cost = cost;
    this.at = at;
    this.waitedNs = waitedNs;
    this.#leases = leases;
  }

  /** Frees its place in flight, if it holds one. From the second time on it does nothing. */
  release(): void {
    this.#leases?.leave();
  }
}
