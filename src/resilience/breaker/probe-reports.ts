import {
  PROBE_FAILED,
  PROBE_SUCCEEDED,
  PROBES_CELL,
  probeHolder,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import type { BreakerEvents } from './breaker-events.js';
import type { Probes } from './probes.js';

/** Tells listeners how each probe of a half-open phase ended, once. */
export class ProbeReports {
  readonly #breaker: string;
  readonly #cells: BreakerCells;
  readonly #events: BreakerEvents;
  /** Slots of the probes already reported in this phase. */
  readonly #told = new Set<number>();

  constructor(breaker: string, cells: BreakerCells, events: BreakerEvents) {
    this.#breaker = breaker;
    this.#cells = cells;
    this.#events = events;
  }

  /** A new phase begins. */
  forget(): void {
    this.#told.clear();
  }

  tell(probes: Probes, epoch: number): void {
    for (let slot = 0; slot < probes.count; slot++) {
      const outcome = probes.outcome(slot, epoch);
      if (outcome !== PROBE_SUCCEEDED && outcome !== PROBE_FAILED) continue;
      if (this.#told.has(slot)) continue;
      this.#told.add(slot);
      this.#events.tell({
        type: 'probe',
        breaker: this.#breaker,
        outcome: outcome === PROBE_SUCCEEDED ? 'succeeded' : 'failed',
        thread: probeHolder(Atomics.load(this.#cells.longs, PROBES_CELL + slot)),
      });
    }
  }
}
