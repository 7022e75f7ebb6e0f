import { appendRows, type Batch } from '../../../columns/batch.js';
import type { GrowingBatches } from '../../../columns/growing-batches.js';
import { compareInt64, readInt64 } from '../../../columns/int64.js';
import type { Nanos } from '../../../core/units.js';
import type { DeliveredRows } from '../../quality/delivered-rows.js';
import { HeldRows } from './held-rows.js';
import type { RowOutlet } from './row-outlet.js';

/** Where rows are missing. */
export interface FilledGap {
  readonly from: bigint;
  /** `undefined`: until the first row that comes. */
  readonly to: bigint | undefined;
  readonly reason: string;
}

/** What the backfills of all symbols of a stream share. */
export interface BackfillRules {
  /** Indexes of columns; −1 without numbers that the history has, too. */
  readonly timeAt: number;
  readonly numberAt: number;
  /** Whether the numbers of a symbol go up by one, so that it is known which are missing. */
  readonly isExact: boolean;
  readonly batches: GrowingBatches;
  readonly delivered: DeliveredRows;
  readonly outlet: RowOutlet;
  /** Whether rows that are missed from now on show in the numbers of the stream. */
  readonly showsMissing: boolean;
  /** When the provider has said that it is subscribed, in ns since 1970 UTC. */
  subscribedAt(): bigint | undefined;
  /** Is told of the number and the time of a row that was fetched. */
  onFetched(id: number, number: bigint, time: bigint): void;
}

export interface BackfilledSymbol {
  readonly index: number;
  readonly id: number;
  readonly symbol: string;
}

/**
 * Fills a gap of one symbol. Rows that come after the gap are held, and put together with those of the history: by
 * number, where both have the same space of numbers, and by time otherwise.
 *
 * By number, each number is delivered once, and numbers that the history does not have either are told as a `gap`.
 *
 * By time, rows of the history count from the instant of the last row before the gap to that of the first one after
 * it. Of the rows of one instant, as many are taken from the history as there are more of in it than were delivered
 * or held; at the instant of the last row that is held, none, since more of them may be on their way.
 */
export class SymbolBackfill {
  readonly of: BackfilledSymbol;
  /** No watermark may pass this before all is delivered. */
  readonly heldFrom: bigint;
  readonly #rules: BackfillRules;
  readonly #held: HeldRows;
  readonly #stopping = new AbortController();
  readonly #beganAt: bigint;
  #gap: FilledGap;
  #isNumbered: boolean;
  /** The number of the last row. */
  #number: bigint | undefined;
  /** Rows of the history at one instant, by time; and what was delivered when they were asked for. */
  #group: Batch | undefined;
  #roundFrom: bigint | undefined;
  #roundRows = 0;
  /** Whether a row of the history was as late as the end of the gap, by time. */
  #hasReached = false;
  #fetched = 0;
  #isOver = false;

  /** @param wall - Now, in ns since 1970 UTC. */
  constructor(of: BackfilledSymbol, gap: FilledGap, rules: BackfillRules, wall: bigint) {
    const { delivered, numberAt, timeAt, batches } = rules;
    this.of = of;
    this.#gap = gap;
    this.#rules = rules;
    this.#beganAt = wall;
    this.#isNumbered = numberAt >= 0;
    this.#number = delivered.numberOf(of.index);
    const last = delivered.timeOf(of.index);
    this.heldFrom = last !== undefined && last < gap.from ? last : gap.from;
    this.#held = new HeldRows(batches, this.#isNumbered ? numberAt : timeAt);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborts once it is over, or stopped. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  get rowsHeld(): number {
    return this.#held.waiting;
  }

  /** How many rows have been held, with those that went on. */
  get rowsEverHeld(): number {
    return this.#held.added;
  }

  get rowsFetched(): number {
    return this.#fetched;
  }

  /** Whether all numbers up to the rows that are held are there. */
  get isComplete(): boolean {
    const stop = this.#stopNumber();
    return this.#rules.isExact && stop !== undefined && this.#number === stop - 1n;
  }

  /** A further gap, behind the rows that are held. */
  extend({ from, to, reason }: FilledGap): void {
    const own = this.#gap;
    const ends = own.to === undefined || to === undefined ? undefined : to > own.to ? to : own.to;
    this.#gap = { from: from < own.from ? from : own.from, to: ends, reason: own.reason || reason };
    this.#held.mark();
  }

  /**
   * @returns Whether a row has to wait. Otherwise, it goes on as a late one: those that were delivered already have been
   *   dropped by the check of numbers.
   */
  hold(batch: Batch, row: number): boolean {
    const { timeAt, numberAt, delivered } = this.#rules;
    const last = this.#number;
    if (this.#isNumbered && last !== undefined && numberOf(batch, numberAt, row) <= last) {
      const lastTime = delivered.timeOf(this.of.index);
      const isLater = lastTime !== undefined && numberOf(batch, timeAt, row) > lastTime;
      if (!isLater || this.#held.added > 0) return false;
      // The numbers have begun anew, so they say nothing about those of the history.
      this.#isNumbered = false;
      this.#held.orderBy(timeAt);
    }
    this.#held.add(batch, row);
    return true;
  }

  /** What to ask the history for, in ms since 1970. */
  span(wall: bigint): { readonly fromMs: number; readonly toMs: number } {
    const until = this.#until();
    const to = until > wall && until !== UNKNOWN ? until : wall;
    const last = this.#rules.delivered.timeOf(this.of.index);
    const from = last ?? this.#gap.from;
    return { fromMs: Number(floorMs(from)), toMs: Number(floorMs(to)) + 1 };
  }

  /** The history does not go back so far: what is before is missing for good. */
  cutAt(from: bigint): void {
    const { isExact, outlet } = this.#rules;
    if (from <= this.#gap.from) return;
    if (!(this.#isNumbered && isExact)) {
      this.#tellGap(this.#gap.from, from, 'the history does not go back so far');
      outlet.flush(this.heldFrom);
    }
    this.#gap = { ...this.#gap, from };
  }

  /** The history is asked, from what was delivered on. */
  beginRound(): void {
    const { delivered } = this.#rules;
    this.#dropGroup();
    this.#hasReached = false;
    this.#roundFrom = delivered.timeOf(this.of.index);
    this.#roundRows = delivered.rowsAtTime(this.of.index);
  }

  /** Takes rows of the history in, in order. @returns Whether it has reached past the gap. */
  merge(page: Batch): boolean {
    for (let row = 0; row < page.length; row++) {
      if (this.#isNumbered ? this.#mergeByNumber(page, row) : this.#mergeByTime(page, row)) return true;
    }
    return this.isComplete;
  }

  /** There are no more rows in the history. @param reachesTo - All rows until then are in it. */
  endOfHistory(reachesTo: bigint): boolean {
    this.#settleGroup();
    return this.#hasReached || this.isComplete || this.#until() <= reachesTo;
  }

  /**
   * Lets go of what is held.
   *
   * @param why - Why the gap was not filled; `undefined` if it was.
   * @param wall - Now.
   */
  finish(why: string | undefined, wall: bigint): void {
    const { outlet, isExact } = this.#rules;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopping.abort();
    this.#dropGroup();
    const knowsMissing = this.#isNumbered && isExact && this.#held.waiting > 0 && this.#number !== undefined;
    if (why === undefined) this.#tellFilled(knowsMissing);
    else this.#tellNotFilled(why, knowsMissing, wall);
    while (this.#held.waiting > 0) this.#emitHeld(why ?? 'not in the history');
    outlet.flush(this.heldFrom);
    this.#held.release();
  }

  /** The history is not asked any more. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Lets what is held be, since it will be had again. */
  drop(): void {
    this.#isOver = true;
    this.#stopping.abort();
    this.#dropGroup();
    this.#held.release();
  }

  #mergeByNumber(page: Batch, row: number): boolean {
    const { numberAt, timeAt, isExact } = this.#rules;
    const number = numberOf(page, numberAt, row);
    const stop = this.#stopNumber();
    if (stop === undefined ? numberOf(page, timeAt, row) >= this.#until() : number >= stop) return true;
    if (this.#number !== undefined && number <= this.#number) return false;
    const held = this.#held;
    while (held.waiting > 0 && numberOf(held.batch, numberAt, held.first()) < number) {
      this.#emitHeld('not in the history');
    }
    if (held.waiting > 0 && numberOf(held.batch, numberAt, held.first()) === number) {
      this.#emitHeld('not in the history');
    } else {
      if (isExact) this.#tellHole(page, row, 'not in the history');
      this.#emitFetched(page, row);
      this.#number = number;
      this.#rules.onFetched(this.of.id, number, numberOf(page, timeAt, row));
    }
    return false;
  }

  #mergeByTime(page: Batch, row: number): boolean {
    const { timeAt, batches } = this.#rules;
    const time = numberOf(page, timeAt, row);
    if (this.#roundFrom !== undefined && time < this.#roundFrom) return false;
    const group = this.#group;
    const isOfGroup = group && compareTimes(group, 0, page, row, timeAt) === 0;
    if (group && !isOfGroup) {
      this.#settleGroup();
      if (this.#hasReached) return true;
    }
    const stop = this.#stopTime();
    if (time >= this.#until()) this.#hasReached = true;
    if (this.#hasReached && (stop === undefined || time > stop)) return true;
    this.#group ??= batches.acquire(1);
    this.#group = batches.withRoomFor(this.#group, 1);
    appendRows(page, row, row + 1, this.#group);
    return false;
  }

  /** Takes of the rows of an instant those that are neither delivered nor held. */
  #settleGroup(): void {
    const group = this.#group;
    this.#group = undefined;
    if (!group) return;
    try {
      this.#emitGroup(group);
    } finally {
      group.release();
    }
  }

  #emitGroup(group: Batch): void {
    const { timeAt } = this.#rules;
    const time = numberOf(group, timeAt, 0);
    const held = this.#held;
    while (held.waiting > 0 && numberOf(held.batch, timeAt, held.first()) < time) this.#emitHeld('');
    const skipped = time === this.#roundFrom ? this.#roundRows : 0;
    let alike = 0;
    if (held.waiting > 0 && numberOf(held.batch, timeAt, held.first()) === time) {
      const mayGrow = numberOf(held.batch, timeAt, held.last()) === time;
      alike = mayGrow ? group.length : held.alike(timeAt);
    }
    for (let row = skipped; row < group.length - alike; row++) this.#emitFetched(group, row);
  }

  #emitFetched(from: Batch, row: number): void {
    this.#fetched++;
    this.#rules.outlet.row(from, row, this.heldFrom);
  }

  #emitHeld(why: string): void {
    const { outlet, numberAt, isExact } = this.#rules;
    const held = this.#held;
    const row = held.first();
    held.take();
    if (this.#isNumbered) {
      const number = numberOf(held.batch, numberAt, row);
      if (isExact) this.#tellHole(held.batch, row, why);
      if (this.#number === undefined || number > this.#number) this.#number = number;
    }
    outlet.row(held.batch, row, this.heldFrom);
  }

  /** Numbers between the last row and the next one that nobody has. */
  #tellHole(next: Batch, row: number, why: string): void {
    const { numberAt, timeAt } = this.#rules;
    const last = this.#number;
    const number = numberOf(next, numberAt, row);
    if (last === undefined || number <= last + 1n) return;
    const [from, to] = [last + 1n, number - 1n];
    const rows = number - last - 1n;
    const what = rows === 1n ? `a row is missing (${from})` : `${rows} rows are missing (${from} to ${to})`;
    const since = this.#rules.delivered.timeOf(this.of.index) ?? this.#gap.from;
    this.#control(since, numberOf(next, timeAt, row) + 1n, `sequence: ${what}: ${why}`);
  }

  #tellFilled(knowsMissing: boolean): void {
    const { numberAt } = this.#rules;
    const held = this.#held;
    const isAllMissing =
      knowsMissing && numberOf(held.batch, numberAt, held.first()) > (this.#number as bigint) + 1n;
    if (this.#fetched === 0 && isAllMissing) return; // the gap is told with its numbers
    this.#tellBackfilled(this.#until());
  }

  #tellNotFilled(why: string, knowsMissing: boolean, wall: bigint): void {
    const last = this.#rules.delivered.timeOf(this.of.index);
    if (this.#fetched > 0) this.#tellBackfilled((last as bigint) + 1n);
    if (knowsMissing) return; // told with the numbers of the rows that follow
    const from = this.#fetched > 0 ? (last as bigint) : this.#gap.from;
    const until = this.#gap.to ?? this.#until();
    this.#tellGap(from, until === UNKNOWN ? wall : until, why);
  }

  #tellBackfilled(to: bigint): void {
    const { from } = this.#gap;
    this.#rules.outlet.control({
      type: 'backfilled',
      from: from as Nanos,
      to: (to > from ? to : from + 1n) as Nanos,
      symbol: this.of.symbol,
      rows: this.#fetched,
    });
  }

  #tellGap(from: bigint, to: bigint, why: string): void {
    this.#control(from, to, `${this.#gap.reason}: ${why}`);
  }

  #control(from: bigint, to: bigint, reason: string): void {
    const end = (to > from ? to : from + 1n) as Nanos;
    this.#rules.outlet.control({ type: 'gap', from: from as Nanos, to: end, symbol: this.of.symbol, reason });
  }

  /** The history has to reach this instant. */
  #until(): bigint {
    const stop = this.#stopTime();
    const { to } = this.#gap;
    if (to === undefined) return stop ?? this.#beginOfStream();
    return stop !== undefined && stop > to ? stop : to;
  }

  /** From when on no row is missed, as long as none has come. */
  #beginOfStream(): bigint {
    const { showsMissing, subscribedAt } = this.#rules;
    if (showsMissing && this.#isNumbered) return this.#beganAt;
    return subscribedAt() ?? UNKNOWN;
  }

  /** Of the first row that was held after the last gap. */
  #stopTime(): bigint | undefined {
    const row = this.#held.marked;
    return row < 0 ? undefined : numberOf(this.#held.batch, this.#rules.timeAt, row);
  }

  #stopNumber(): bigint | undefined {
    const row = this.#isNumbered ? this.#held.marked : -1;
    return row < 0 ? undefined : numberOf(this.#held.batch, this.#rules.numberAt, row);
  }

  #dropGroup(): void {
    this.#group?.release();
    this.#group = undefined;
  }
}

/** Later than any time. */
const UNKNOWN = 2n ** 63n;

const MILLI = 1_000_000n;
const floorMs = (ns: bigint): bigint => (ns - (((ns % MILLI) + MILLI) % MILLI)) / MILLI;

const numberOf = ({ columns }: Batch, column: number, row: number): bigint =>
  readInt64(columns[column] as Int32Array, row);

const compareTimes = (a: Batch, i: number, b: Batch, j: number, column: number): number =>
  compareInt64(a.columns[column] as Int32Array, i, b.columns[column] as Int32Array, j);
