import { CAP_FULL, type InFlightCap } from './in-flight-cap.js';

/** The in-flight leases that one granted call holds, at one or several scopes. */
export class Leases {
  readonly #caps: readonly (InFlightCap | undefined)[];
  readonly #leases: Int32Array;
  readonly #member: number;
  readonly #onLeave: (leases: Leases) => void;
  #isHeld = true;

  constructor(options: {
    readonly caps: readonly (InFlightCap | undefined)[];
    /** One for each cap. */
    readonly leases: Int32Array;
    readonly member: number;
    readonly onLeave: (leases: Leases) => void;
  }) {
    this.#caps = options.caps;
    this.#leases = options.leases;
    this.#member = options.member;
    this.#onLeave = options.onLeave;
  }

  /** Frees the leases. Later calls do nothing. */
  leave(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    for (const [i, cap] of this.#caps.entries()) {
      const lease = this.#leases[i]!;
      if (lease !== CAP_FULL) cap?.leave(this.#member, lease);
    }
    this.#onLeave(this);
  }
}
