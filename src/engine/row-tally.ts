import type { Clock } from '../core/clock.js';
import {
  type CounterName,
  type Counters,
  RUN_COUNTERS,
  type RunCounters,
} from '../shared-memory/counters.js';
import type { IntakeCounts, ResumePoint } from './intake/resume-point.js';
import type { OperatorChain } from './operator-chain.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';

export interface TalliedParts {
  readonly source: Source;
  readonly intake: IntakeCounts;
  readonly operators: OperatorChain;
  readonly sink: Sink;
  readonly counters: Counters;
  readonly clock: Clock;
}

type Side = readonly CounterName[];
/** The two sides of the balance: where rows come from, and what happens to them. */
const LEFT = ['rowsIn', 'rowsDerived'] as const satisfies Side;
const RIGHT = [
  'rowsFiltered',
  'rowsFolded',
  'rowsDropped',
  'rowsRejected',
  'rowsOut',
] as const satisfies Side;

type RowCounts = Record<(typeof LEFT | typeof RIGHT)[number], number>;

/** Updates the counters of a pipeline from the batches that pass and from the counts of its stages. */
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
  /** Counts of earlier starts of the run, minus what the stages themselves have restored. */
  readonly #before: Record<keyof RunCounters, number> = zeros();
  #hasRead = false;
  /** Rows that the sink has taken, those that it has rejected included. */
  #rowsOut = 0;
  /** As the sink had it after its last write. */
  #rejectedBySink = 0;

  constructor(parts: TalliedParts) {
    this.#parts = parts;
  }

  /** Called when the sink has written a batch. */
  delivered(rows: number): void {
    this.#rowsOut += rows;
    this.#rejectedBySink = this.#parts.sink.rowsRejected ?? 0;
    this.update(); // counts rows derived by operators before they count as delivered
    if (rows === 0) return;
    const { counters, clock } = this.#parts;
    const now = clock.now();
    counters.add('batches', 1);
    if (counters.get('firstOutAtNs') === 0) counters.set('firstOutAtNs', now);
    counters.set('lastOutAtNs', now);
  }

  /** Called after a pause, which is no time in which rows were delivered. */
  standStill(ns: bigint): void {
    const { counters } = this.#parts;
    const first = counters.get('firstOutAtNs');
    if (first > 0) counters.set('firstOutAtNs', first + Number(ns));
  }

  /** Called when the source has given something. */
  updateRead(): void {
    const { source, intake, counters, clock } = this.#parts;
    if (!this.#hasRead && intake.rowsRead > 0) {
      counters.set('firstRowAtNs', clock.now());
      this.#hasRead = true;
    }
    this.#raise('rowsIn', this.#rowsIn());
    counters.set('bytesIn', this.#before.bytesIn + (source.bytesIn ?? 0));
  }

  /** Copies the current counts of the stages to the counters. */
  update(): void {
    const { source, intake, operators, sink, counters } = this.#parts;
    const before = this.#before;
    const tally = operators.tally();
    const leftOut = this.#leftOut;
    const rejected = intake.rowsRefused + (source.rowsRejected ?? 0) + this.#rejectedBySink;
    this.#write({
      rowsIn: this.#rowsIn(),
      rowsDerived: before.rowsDerived + tally.derived,
      rowsFiltered: before.rowsFiltered + tally.filtered,
      rowsFolded: before.rowsFolded + tally.folded,
      rowsDropped: before.rowsDropped + tally.dropped + leftOut,
      rowsRejected: before.rowsRejected + tally.rejected + rejected,
      rowsOut: before.rowsOut + this.#rowsOut - this.#rejectedBySink,
    });
    counters.set('rowsLate', before.rowsLate + tally.late);
    counters.set('rowsOverflowed', before.rowsOverflowed + leftOut);
    counters.set('bytesIn', before.bytesIn + (source.bytesIn ?? 0));
    counters.set('bytesOut', before.bytesOut + (sink.bytesOut ?? 0));
  }

  /** Returns the counts for a cut at a point, without what has come since. */
  cut(point: ResumePoint): RunCounters {
    this.update();
    const { source, intake, counters } = this.#parts;
    const rejectedSince = (source.rowsRejected ?? 0) - point.rowsRejected;
    const refusedSince = intake.rowsRefused - point.rowsRefused;
    const leftOutSince = intake.rowsLeftOut - point.rowsLeftOut;
    const counts = zeros();
    for (const name of RUN_COUNTERS) counts[name] = counters.get(name);
    counts.rowsIn -= intake.rowsRead - point.rowsRead + rejectedSince;
    counts.rowsRejected -= rejectedSince + refusedSince;
    counts.rowsDropped -= leftOutSince;
    counts.rowsOverflowed -= leftOutSince;
    counts.bytesIn -= (source.bytesIn ?? 0) - point.bytesIn;
    return counts;
  }

  /** Continues from a cut. Called after the stages are restored, since some restore their own counts. */
  restore(counts: RunCounters): void {
    this.update();
    const { counters } = this.#parts;
    for (const name of RUN_COUNTERS) this.#before[name] = counts[name] - counters.get(name);
    counters.set('batches', counts.batches);
    this.update();
  }

  #rowsIn(): number {
    const { source, intake } = this.#parts;
    const { rowsRejected = 0, rowsLeftOut = 0 } = source;
    return this.#before.rowsIn + intake.rowsRead + rowsRejected + rowsLeftOut;
  }

  /** Rows that full queues have left out: that of the source, and those of its inputs. */
  get #leftOut(): number {
    const { source, intake } = this.#parts;
    return intake.rowsLeftOut + (source.rowsLeftOut ?? 0);
  }

  /**
   * Writes the counts in an order in which the left side is never below the right one, even if the thread
   * dies in between. Counts inferred for a user operator may fall, since rows that it holds back count as
   * filtered until they are emitted.
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
