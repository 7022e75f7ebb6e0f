import type { Clock } from '../core/clock.js';
import {
  type CounterName,
  type Counters,
  RUN_COUNTERS,
  type RunCounters,
} from '../shared-memory/counters.js';
import type { OperatorChain } from './operator-chain.js';
import type { SourcePlace } from './read-position.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';

export interface TalliedParts {
  readonly source: Source;
  readonly operators: OperatorChain;
  readonly sink: Sink;
  readonly counters: Counters;
  readonly clock: Clock;
}

type Side = readonly CounterName[];
/** Where rows come from, and what becomes of them. */
const LEFT = ['rowsIn', 'rowsDerived'] as const satisfies Side;
const RIGHT = [
  'rowsFiltered',
  'rowsFolded',
  'rowsDropped',
  'rowsRejected',
  'rowsOut',
] as const satisfies Side;

type RowCounts = Record<(typeof LEFT | typeof RIGHT)[number], number>;

/** Keeps the counters of a pipeline: what it passes itself, and what its stages say. */
export class RowTally {
  readonly #parts: TalliedParts;
  readonly #written: RowCounts = {
    rowsIn: 0,
    rowsDerived: 0,
    rowsFiltered: 0,
    rowsFolded: 0,
    rowsDropped: 0,
    rowsRejected: 0,
    rowsOut: 0,
  };
  /** What earlier starts of the run counted, less what the stages know of that themselves. */
  readonly #before: Record<keyof RunCounters, number> = zeros();
  #rowsRead = 0;
  #rowsRefused = 0;
  #rowsOut = 0;

  constructor(parts: TalliedParts) {
    this.#parts = parts;
  }

  /**
   * A batch came from the source.
   *
   * @param refused - Those of its rows that cannot be used and go no further.
   */
  read(rows: number, refused = 0): void {
    const { counters, clock } = this.#parts;
    if (this.#rowsRead === 0 && rows > 0) counters.set('firstRowAtNs', clock.now());
    this.#rowsRead += rows;
    this.#rowsRefused += refused;
    this.updateRead();
  }

  /** The sink took a batch. */
  delivered(rows: number): void {
    this.#rowsOut += rows;
    this.update(); // rows that an operator made are counted there before they are counted here
    if (rows > 0) this.#parts.counters.add('batches', 1);
  }

  updateRead(): void {
    const { source, counters } = this.#parts;
    this.#raise('rowsIn', this.#rowsIn());
    counters.set('bytesIn', this.#before.bytesIn + (source.bytesIn ?? 0));
  }

  /** Takes over what the stages counted so far. */
  update(): void {
    const { source, operators, sink, counters } = this.#parts;
    const before = this.#before;
    const tally = operators.tally();
    this.#write({
      rowsIn: this.#rowsIn(),
      rowsDerived: before.rowsDerived + tally.derived,
      rowsFiltered: before.rowsFiltered + tally.filtered,
      rowsFolded: before.rowsFolded + tally.folded,
      rowsDropped: before.rowsDropped + tally.dropped,
      rowsRejected: before.rowsRejected + tally.rejected + this.#rowsRefused + (source.rowsRejected ?? 0),
      rowsOut: before.rowsOut + this.#rowsOut,
    });
    counters.set('rowsLate', before.rowsLate + tally.late);
    counters.set('bytesIn', before.bytesIn + (source.bytesIn ?? 0));
    counters.set('bytesOut', before.bytesOut + (sink.bytesOut ?? 0));
  }

  /** What is counted of a cut: what the source has counted since, in a read that is under way, is not. */
  cut({ rowsRejected, bytesIn }: SourcePlace): RunCounters {
    this.update();
    const { source, counters } = this.#parts;
    const rejectedSince = (source.rowsRejected ?? 0) - rowsRejected;
    const bytesSince = (source.bytesIn ?? 0) - bytesIn;
    const counts = zeros();
    for (const name of RUN_COUNTERS) counts[name] = counters.get(name);
    counts.rowsIn -= rejectedSince;
    counts.rowsRejected -= rejectedSince;
    counts.bytesIn -= bytesSince;
    return counts;
  }

  /** Goes on from a cut. Called once the stages have gone back to it, since some count from there. */
  restore(counts: RunCounters): void {
    this.update();
    const { counters } = this.#parts;
    for (const name of RUN_COUNTERS) this.#before[name] = counts[name] - counters.get(name);
    counters.set('batches', counts.batches);
    this.update();
  }

  #rowsIn(): number {
    return this.#before.rowsIn + this.#rowsRead + (this.#parts.source.rowsRejected ?? 0);
  }

  /**
   * The left side never falls below the right one, whatever becomes of this thread meanwhile. Counts
   * that are inferred of a user's operator may fall: rows that it holds back pass for filtered.
   */
  #write(counts: RowCounts): void {
    for (const name of LEFT) this.#raise(name, counts[name]);
    for (const name of RIGHT) this.#lower(name, counts[name]);
    for (const name of LEFT) this.#lower(name, counts[name]);
    for (const name of RIGHT) this.#raise(name, counts[name]);
  }

  #raise(name: keyof RowCounts, count: number): void {
    if (count > this.#written[name]) this.#set(name, count);
  }

  #lower(name: keyof RowCounts, count: number): void {
    if (count < this.#written[name]) this.#set(name, count);
  }

  #set(name: keyof RowCounts, count: number): void {
    this.#written[name] = count;
    this.#parts.counters.set(name, count);
  }
}

const zeros = (): Record<keyof RunCounters, number> =>
  Object.fromEntries(RUN_COUNTERS.map((name) => [name, 0])) as Record<keyof RunCounters, number>;
