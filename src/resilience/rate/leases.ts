import { GATE_FULL, type InFlightGate } from './in-flight-gate.js';

/** The in-flight leases that one granted call holds, at one or several scopes. */
export class Leases {
  readonly #gates: readonly (InFlightGate | undefined)[];
  readonly #leases: Int32Array;
  readonly #member: number;
  readonly #onLeave: (leases: Leases) => void;
  #isHeld = true;

  constructor(options: {
    readonly gates: readonly (InFlightGate | undefined)[];
    /** One for each gate. */
    readonly leases: Int32Array;
    readonly member: number;
    readonly onLeave: (leases: Leases) => void;
  }) {
    this.#gates = options.gates;
    this.#leases = options.leases;
    this.#member = options.member;
    this.#onLeave = options.onLeave;
  }

  /** Frees the leases. Later calls do nothing. */
  leave(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    for (const [i, gate] of this.#gates.entries()) {
      const lease = this.#leases[i]!;
      if (lease !== GATE_FULL) gate?.leave(this.#member, lease);
    }
    this.#onLeave(this);
  }
}
