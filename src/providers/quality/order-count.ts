import type { Batch } from '../../columns/batch.js';
import type { Dictionary } from '../../columns/dictionary.js';
import { columnIndex, type Schema } from '../../columns/schema.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';

/**
 * Counts rows that come after a later one of their symbol, where rows have no numbers. Nothing is dropped: without
 * numbers nobody knows whether a row comes twice. Allocates nothing for a row.
 */
export class OrderCount {
  readonly failure = undefined;
  readonly #symbols: Dictionary;
  readonly #timeAt: number;
  readonly #symbolAt: number;
  /** The latest time of each symbol, and whether there is one. */
  #latest = new Int32Array(0);
  #hasLatest = new Uint8Array(0);
  #rowsDisordered = 0;

  constructor(schema: Schema, symbols: Dictionary) {
    this.#symbols = symbols;
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
  }

  statistics(): StageStatistics {
    return { rowsDisordered: this.#rowsDisordered };
  }

  check({ columns, length }: Batch): void {
    this.#grow();
    const times = columns[this.#timeAt] as Int32Array;
    const symbols = columns[this.#symbolAt] as Int32Array;
    const latest = this.#latest;
    const hasLatest = this.#hasLatest;
    for (let row = 0; row < length; row++) {
      const symbol = symbols[row]!;
      const low = times[2 * row]!;
      const high = times[2 * row + 1]!;
      const step = high - latest[2 * symbol + 1]! || (low >>> 0) - (latest[2 * symbol]! >>> 0);
      if (step < 0 && hasLatest[symbol] !== 0) {
        this.#rowsDisordered++;
        continue;
      }
      hasLatest[symbol] = 1;
      latest[2 * symbol] = low;
      latest[2 * symbol + 1] = high;
    }
  }

  #grow(): void {
    const { size } = this.#symbols;
    if (size <= this.#hasLatest.length) return;
    const room = Math.max(size, 2 * this.#hasLatest.length, 16);
    const [latest, hasLatest] = [new Int32Array(2 * room), new Uint8Array(room)];
    latest.set(this.#latest);
    hasLatest.set(this.#hasLatest);
    this.#latest = latest;
    this.#hasLatest = hasLatest;
  }
}
