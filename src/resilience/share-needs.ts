import type { RateCoordinator } from './rate/rate-coordinator.js';
import type { ScopeRef } from './rate/scope-ref.js';

/** What is said of it in a request: see `ShareRequest`. */
export interface ShareDemand {
  readonly permits: number;
  readonly isShort: boolean;
  readonly wanted: number;
}

/** What those who spend from a share need, as whoever deals it is told. */
export class ShareNeeds {
  readonly #ref: ScopeRef;
  readonly #rates: Pick<RateCoordinator, 'need'>;
  #refused = 0;
  #isShort = false;
  #wanted = 0;
  #told: ShareDemand = { permits: 0, isShort: false, wanted: 0 };

  constructor(ref: ScopeRef, rates: Pick<RateCoordinator, 'need'>) {
    this.#ref = ref;
    this.#rates = rates;
  }

  /** @returns Whether there is a need that was not told yet. */
  look(): boolean {
    this.#read();
    return (this.#isShort && !this.#told.isShort) || this.#wanted > this.#told.wanted;
  }

  /** What to tell now: since it was told last. */
  tell(): ShareDemand {
    const permits = this.#read();
    this.#told = { permits, isShort: this.#isShort, wanted: this.#wanted };
    this.#isShort = false;
    this.#wanted = 0;
    return this.#told;
  }

  #read(): number {
    const { permits, refused, isWaitedFor, wanted } = this.#rates.need(this.#ref);
    if (isWaitedFor || refused > this.#refused) this.#isShort = true;
    this.#refused = refused;
    this.#wanted = Math.max(this.#wanted, wanted);
    return permits;
  }
}
