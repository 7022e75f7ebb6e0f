import type { CounterValues } from '../shared-memory/counters.js';
import type { HeldPlace } from '../shared-memory/thread-watch.js';

/** What moves as long as rows leave the stages that they are in. Rows that are read and wait do not count. */
export type Moving = Pick<
  CounterValues,
  'rowsOut' | 'rowsFiltered' | 'rowsFolded' | 'rowsRejected' | 'batches' | 'turns'
>;

/**
 * Judges whether a pipeline makes progress while rows wait: one call of a stage has not settled, and nothing moves.
 * Where nothing waits, as with a source that is silent, there is nothing to judge.
 */
export class ProgressWatch {
  #held: HeldPlace | undefined;
  #moved = 0;
  #countedMs = 0;

  /** Forgets all that it has counted: nobody has looked for too long. */
  startAnew(): void {
    this.#countedMs = 0;
  }

  /**
   * Takes a look.
   *
   * @param elapsedMs - Since the last look; 0 for a time that does not count.
   * @returns Ms for which nothing has moved; 0 if something has, or nothing waits.
   */
  look(held: HeldPlace | undefined, moving: Moving, elapsedMs: number): number {
    const moved = sumOf(moving);
    const isSame =
      held !== undefined &&
      held.place === this.#held?.place &&
      held.sinceNs === this.#held.sinceNs &&
      moved === this.#moved;
    this.#held = held;
    this.#moved = moved;
    this.#countedMs = isSame ? this.#countedMs + elapsedMs : 0;
    return this.#countedMs;
  }
}

/** Each of them only grows. */
const sumOf = ({ rowsOut, rowsFiltered, rowsFolded, rowsRejected, batches, turns }: Moving): number =>
  rowsOut + rowsFiltered + rowsFolded + rowsRejected + batches + turns;
