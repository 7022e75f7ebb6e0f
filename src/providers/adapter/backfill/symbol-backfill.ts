import { appendRows, type Batch } from '../../../columns/batch.js';
import type { GrowingBatches } from '../../../columns/growing-batches.js';
import { compareInt64, readInt64 } from '../../../columns/int64.js';
import { sharedAbort } from '../../../core/shared-abort.js';
import type { Nanos } from '../../../core/units.js';
import type { DeliveredRows } from '../../../engine/delivered-rows.js';
import type { FetchedTimes } from '../../quality/fetched-times.js';
import { HeldRows } from './held-rows.js';
import { NumberOrder } from './number-order.js';
import type { RowOutlet } from './row-outlet.js';

/** Where rows are missing. */
export interface FilledGap {
  readonly from: bigint;
  /** `undefined`: until the first row that comes. */
  readonly to: bigint | undefined;
  readonly reason: string;
  /** Whether numbers behind it say nothing about those before it. */
  readonly beginsAnew?: boolean;
}

/** What the backfills of all symbols of a stream share. */
export interface BackfillRules {
  /** Indexes of columns; −1 without numbers that the history has, too, and if all rows have a time. */
  readonly timeAt: number;
  readonly untimedAt: number;
  readonly numberAt: number;
  /** Whether the numbers of a symbol go up by one, so that it is known which are missing. */
  readonly isExact: boolean;
  /** How far a row may be behind earlier ones, in time. */
  readonly maxDelayNs: bigint;
  /** Length of a bar, which is in the history once it has ended; 0 for rows that happen at their time. */
  readonly barNs: bigint;
  /** How many rows of the history wait for their place in the order of numbers. */
  readonly rowsMax: number;
  readonly batches: GrowingBatches;
  readonly delivered: DeliveredRows;
  /** Is told of rows without numbers. */
  readonly fetchedTimes: FetchedTimes;
  readonly outlet: RowOutlet;
  /** Whether rows that are missed from now on show in the numbers of the stream. */
  readonly showsMissing: boolean;
  /** When the provider has said that it is subscribed, in ns since 1970 UTC. */
  subscribedAt(): bigint | undefined;
  /** By how much the clocks of this host and of the venue may differ. */
  skewNs(): bigint;
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
 * By time, which it goes by as well once numbers begin anew, rows of the history count from the instant of the last row before the gap to that of the first one after
 * it. Of the rows of one instant, as many are taken from the history as there are more of in it than were delivered
 * or held; at the instant of the last row that is held, none, since more of them may be on their way.
 */
export class SymbolBackfill {
  readonly of: BackfilledSymbol;
  /** No watermark may pass this before all is delivered. */
  readonly heldFrom: bigint;
  readonly #rules: BackfillRules;
  readonly #held: HeldRows;
  /** Rows of the history whose place in the order of numbers is not certain yet. */
  readonly #found: NumberOrder;
  readonly #stopping = sharedAbort();
  readonly #beganAt: bigint;
  #gap: FilledGap;
  /** The latest end of its gaps that is known, even if another one has none yet. */
  #knownTo: bigint | undefined;
  #isNumbered: boolean;
  /** The number of the last row. */
  #number: bigint | undefined;
  /** Rows of the history at one instant, by time; and what was delivered when they were asked for. */
  #group: Batch | undefined;
  #roundFrom: bigint | undefined;
  #roundRows = 0;
  /** Whether a row of the history was as late as the end of the gap, by time. */
  #hasReached = false;
  /** When the history was asked, and when it was first seen to reach the end of the last gap, by number. */
  #roundWall = 0n;
  #reachedAt: bigint | undefined;
  /** Whether the round was begun by numbers, which do not count any more. */
  #isRoundOff = false;
  #fetched = 0;
  #isOver = false;

  /** @param wall - Now, in ns since 1970 UTC. */
  constructor(of: BackfilledSymbol, gap: FilledGap, rules: BackfillRules, wall: bigint) {
    const { delivered, numberAt, timeAt, batches } = rules;
    this.of = of;
    this.#gap = gap;
    this.#knownTo = gap.to;
    this.#rules = rules;
    this.#beganAt = wall;
    this.#isNumbered = numberAt >= 0;
    this.#number = delivered.numberOf(of.index);
    const last = delivered.timeOf(of.index);
    this.heldFrom = (last !== undefined && last < gap.from ? last : gap.from) - rules.maxDelayNs;
    this.#found = new NumberOrder(batches, numberAt);
    this.#held = new HeldRows(batches, this.#isNumbered ? numberAt : timeAt);
    if (gap.beginsAnew) this.#goByTime();
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
  extend({ from, to, reason, beginsAnew = false }: FilledGap): void {
    if (beginsAnew) this.#goByTime();
    const own = this.#gap;
    const isOpen = own.to === undefined || to === undefined;
    this.#knownTo = latest(this.#knownTo, to);
    this.#gap = {
      from: from < own.from ? from : own.from,
      to: isOpen ? undefined : this.#knownTo,
      reason: own.reason || reason,
    };
    this.#held.mark();
    this.#reachedAt = undefined;
    this.#hasReached = false; // a round in progress has only seen the end of the earlier one
  }

  /**
   * @returns Whether a row has to wait. Otherwise, it goes on as a late one: those that were delivered already have been
   *   dropped by the check of numbers.
   */
  hold(batch: Batch, row: number): boolean {
    if (this.#isNumbered && !this.#isHigher(numberOf(batch, this.#rules.numberAt, row))) {
      if (!this.#isBegunAnew(batch, row)) return false;
      this.#goByTime();
    }
    this.#held.add(batch, row);
    return true;
  }

  /** Whether numbers have begun anew, though nobody told: after a `reset`, or where rows have no time. */
  #isBegunAnew({ columns }: Batch, row: number): boolean {
    const { timeAt, untimedAt, maxDelayNs, delivered } = this.#rules;
    const last = delivered.timeOf(this.of.index);
    if (columns[untimedAt]?.[row] === 1 && this.#held.added > 0) return false;
    return last !== undefined && readInt64(columns[timeAt] as Int32Array, row) > last + maxDelayNs;
  }

  /** The numbers of the rows that come say nothing about those of the history. */
  #goByTime(): void {
    if (!this.#isNumbered) return;
    this.#isNumbered = false;
    this.#isRoundOff = true;
    this.#reachedAt = undefined;
    this.#found.clear();
    this.#held.orderBy(this.#rules.timeAt);
  }

  /** What to ask the history for, in ms since 1970. */
  span(wall: bigint): { readonly fromMs: number; readonly toMs: number } {
    const until = this.#until();
    const to = until > wall && until !== UNKNOWN ? until : wall;
    const last = this.#rules.delivered.timeOf(this.of.index);
    // By number, what is missing may be behind rows around it, in time. By time, nobody could tell it from these.
    const delay = this.#isNumbered ? this.#rules.maxDelayNs : 0n;
    const from = (last ?? this.#gap.from) - delay;
    return { fromMs: Number(floorMs(from)), toMs: Number(floorMs(to + delay)) + 1 };
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

  /** The history is asked, from what was delivered on. @param wall - Now. */
  beginRound(wall: bigint): void {
    const { delivered } = this.#rules;
    this.#roundWall = wall;
    this.#dropGroup();
    this.#found.clear();
    this.#hasReached = false;
    this.#isRoundOff = false;
    this.#roundFrom = delivered.timeOf(this.of.index);
    this.#roundRows = delivered.rowsAtTime(this.of.index);
  }

  /** Takes rows of the history in, in order. @returns Whether it has reached past the gap. */
  merge(page: Batch): boolean {
    if (this.#isRoundOff) return false;
    if (this.#isNumbered && this.#rules.maxDelayNs > 0n) return this.#mergeDisordered(page);
    for (let row = 0; row < page.length; row++) {
      if (this.#isNumbered ? this.#mergeByNumber(page, row) : this.#mergeByTime(page, row)) return true;
    }
    return this.isComplete;
  }

  /** There are no more rows in the history. @param reachesTo - All rows until then are in it. */
  endOfHistory(reachesTo: bigint): boolean {
    if (this.#isRoundOff) return false;
    this.#settleGroup();
    const isReached = (this.#hasReached && !this.#mayGrowBelow()) || this.#isWholeAt(reachesTo);
    if (isReached) this.#settleFound(undefined);
    return isReached || this.isComplete;
  }

  /**
   * Lets go of what is held.
   *
   * @param why - Why the gap was not filled; `undefined` if it was.
   * @param present - Now, in the event time of the feed: the end of a gap that has none.
   */
  finish(why: string | undefined, present: bigint): void {
    const { outlet, isExact } = this.#rules;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopping.abort();
    this.#dropGroup();
    this.#settleFound(undefined);
    const knowsMissing = this.#isNumbered && isExact && this.#held.waiting > 0 && this.#number !== undefined;
    if (why === undefined) this.#tellFilled(knowsMissing);
    else this.#tellNotFilled(why, knowsMissing, present);
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
    this.#found.clear();
    this.#held.release();
  }

  #mergeByNumber(page: Batch, row: number): boolean {
    const { numberAt, timeAt } = this.#rules;
    const number = numberOf(page, numberAt, row);
    const stop = this.#stopNumber();
    if (stop === undefined ? numberOf(page, timeAt, row) >= this.#until() : number >= stop) return true;
    this.#mergeNumber(page, row);
    return false;
  }

  /** Rows of the history are in order of time, which that of their numbers may differ from. */
  #mergeDisordered(page: Batch): boolean {
    const { numberAt, timeAt, maxDelayNs, rowsMax } = this.#rules;
    const found = this.#found;
    if (found.waiting + page.length > rowsMax) this.#settleFound(undefined);
    const stop = this.#stopNumber();
    const end = this.#until();
    let time: bigint | undefined;
    for (let row = 0; row < page.length; row++) {
      time = numberOf(page, timeAt, row);
      const isPast = stop === undefined ? time >= end : numberOf(page, numberAt, row) >= stop;
      if (isPast) {
        this.#hasReached = true;
        this.#reachedAt ??= this.#roundWall;
      } else if (this.#isHigher(numberOf(page, numberAt, row))) found.add(page, row);
    }
    const isThrough = time !== undefined && this.#hasReached && time > end + maxDelayNs;
    if (time !== undefined) this.#settleFound(isThrough ? undefined : time - maxDelayNs);
    return isThrough || this.isComplete;
  }

  /** Whether rows with lower numbers may come into the history behind the end of the gap, which is in it. */
  #mayGrowBelow(): boolean {
    const { maxDelayNs } = this.#rules;
    return this.#reachedAt !== undefined && this.#roundWall - this.#reachedAt < maxDelayNs;
  }

  /** Takes rows in that have found their place: those before an instant, and those whose number comes next. */
  #settleFound(before: bigint | undefined): void {
    const { numberAt, timeAt, isExact } = this.#rules;
    const found = this.#found;
    for (let row = found.first(); row >= 0; row = found.first()) {
      const isNext = isExact && numberOf(found.batch, numberAt, row) === (this.#number ?? NONE) + 1n;
      if (!isNext && before !== undefined && numberOf(found.batch, timeAt, row) >= before) break;
      this.#mergeNumber(found.batch, row);
      found.take();
    }
    found.compact();
  }

  #isHigher(number: bigint): boolean {
    return this.#number === undefined || number > this.#number;
  }

  #mergeNumber(page: Batch, row: number): void {
    const { numberAt, timeAt, isExact } = this.#rules;
    const number = numberOf(page, numberAt, row);
    if (!this.#isHigher(number)) return;
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
    const { numberAt, timeAt, fetchedTimes } = this.#rules;
    this.#fetched++;
    if (numberAt < 0) fetchedTimes.add(this.of.index, numberOf(from, timeAt, row));
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
    const until = this.#until();
    this.#tellBackfilled(this.#rules.barNs > 0n ? (latest(until, this.#knownTo) as bigint) : until);
  }

  #tellNotFilled(why: string, knowsMissing: boolean, present: bigint): void {
    const last = this.#rules.delivered.timeOf(this.of.index);
    if (this.#fetched > 0) this.#tellBackfilled((last as bigint) + 1n);
    if (knowsMissing) return; // told with the numbers of the rows that follow
    const from = this.#fetched > 0 ? (last as bigint) : this.#gap.from;
    const until = this.#gap.to ?? this.#until();
    this.#tellGap(from, until === UNKNOWN ? present : until, why);
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
    const open = this.#gap.to === undefined ? (stop ?? this.#beginOfStream()) : stop;
    const end = latest(this.#told(), open) as bigint; // a gap has an end, or is open
    // A gap between numbers has the rows around it in it. By time, to see the latter in the history is enough.
    const isJustBehind = stop !== undefined && end > stop && end <= stop + MILLI;
    return !this.#isNumbered && isJustBehind ? stop : end;
  }

  /** Whether a history is whole that has all rows until an instant, by the clock of this host. */
  #isWholeAt(reachesTo: bigint): boolean {
    const stop = this.#stopTime();
    const isOpen = this.#gap.to === undefined && stop === undefined;
    const end = latest(this.#told(), stop); // by the clock of the venue
    const delay = this.#isNumbered ? this.#rules.maxDelayNs : 0n;
    return (
      (!isOpen || this.#beginOfStream() <= reachesTo) &&
      (end === undefined || end + delay + this.#allowance() <= reachesTo)
    );
  }

  /** From when on no row is missed, as long as none has come. */
  #beginOfStream(): bigint {
    if (this.#showsMissing) return this.#beganAt;
    const subscribedAt = this.#rules.subscribedAt();
    return subscribedAt === undefined ? UNKNOWN : this.#begunAt(subscribedAt + this.#allowance());
  }

  /** The end that was told. */
  #told(): bigint | undefined {
    const to = this.#knownTo;
    return to === undefined || this.#rules.barNs === 0n ? to : this.#begunAt(to + this.#allowance());
  }

  /** The time before which all rows have happened until an instant: a bar that began later has not ended by then. */
  #begunAt(instant: bigint): bigint {
    const { barNs } = this.#rules;
    return barNs === 0n ? instant : instant - barNs + 1n;
  }

  /** Instants of the venue are compared with the clock of this host. What shows in the next number needs none. */
  #allowance(): bigint {
    return this.#showsMissing ? 0n : this.#rules.skewNs();
  }

  get #showsMissing(): boolean {
    return this.#rules.showsMissing && this.#isNumbered;
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

/** Before any number. */
const NONE = -(2n ** 64n);

/** Later than any time. */
const UNKNOWN = 2n ** 63n;

const latest = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

const MILLI = 1_000_000n;
const floorMs = (ns: bigint): bigint => (ns - (((ns % MILLI) + MILLI) % MILLI)) / MILLI;

const numberOf = ({ columns }: Batch, column: number, row: number): bigint =>
  readInt64(columns[column] as Int32Array, row);

const compareTimes = (a: Batch, i: number, b: Batch, j: number, column: number): number =>
  compareInt64(a.columns[column] as Int32Array, i, b.columns[column] as Int32Array, j);
