import type { Batch } from '../core/batch.js';
import type { Clock } from '../core/clock.js';
import type { Counters } from '../protocol/counters.js';
import type { OperatorChain } from './operator-chain.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';

export interface TalliedParts {
  readonly source: Source;
  readonly operators: OperatorChain;
  readonly sink: Sink;
  readonly counters: Counters;
  readonly clock: Clock;
}

/** Keeps the counters of a pipeline: what it passes itself, and what its stages say. */
export class RowTally {
  readonly #parts: TalliedParts;
  #rowsRead = 0;

  constructor(parts: TalliedParts) {
    this.#parts = parts;
  }

  /** A batch came from the source. */
  read(batch: Batch): void {
    const { counters, clock } = this.#parts;
    if (this.#rowsRead === 0 && batch.length > 0) counters.set('firstRowAtNs', clock.now());
    this.#rowsRead += batch.length;
    this.updateRead();
  }

  /** The sink took a batch. */
  delivered(rows: number): void {
    const { counters } = this.#parts;
    counters.add('rowsOut', rows);
    if (rows > 0) counters.add('batches', 1);
  }

  updateRead(): void {
    const { source, counters } = this.#parts;
    counters.set('rowsIn', this.#rowsRead + (source.rowsRejected ?? 0));
    counters.set('bytesIn', source.bytesIn ?? 0);
  }

  /** Takes over what the stages counted so far. */
  update(): void {
    const { source, operators, sink, counters } = this.#parts;
    this.updateRead();
    const tally = operators.tally();
    counters.set('rowsFiltered', tally.filtered);
    counters.set('rowsFolded', tally.folded);
    counters.set('rowsDerived', tally.derived);
    counters.set('rowsDropped', tally.dropped);
    counters.set('rowsRejected', tally.rejected + (source.rowsRejected ?? 0));
    counters.set('bytesOut', sink.bytesOut ?? 0);
  }
}
