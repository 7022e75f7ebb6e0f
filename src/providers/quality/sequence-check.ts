import type { Batch } from '../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../columns/control-record.js';
import type { Dictionary } from '../../columns/dictionary.js';
import { readInt64, readNanos, TWO_32 } from '../../columns/int64.js';
import { columnIndex, type Schema } from '../../columns/schema.js';
import { retainRows } from '../../columns/selection.js';
import { ProviderError } from '../../core/provider-error.js';
import type { Nanos } from '../../core/units.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { SequenceNumbers } from '../../wire/provider-capabilities.js';
import { type MissingHole, MissingNumbers, type MissingRange } from './missing-numbers.js';
import { RecentNumbers } from './recent-numbers.js';

/** The row is the last of its chain; it is an earlier one, which is kept; it is dropped. */
type Found = 'next' | 'late' | 'twice';

/** Symbols that are numbered together need not be in order of time among themselves. */
const STREAM_DISORDER_NS = 10_000_000_000n;
/** Numbers that are remembered until the stream comes to them. */
const AHEAD_MAX = 65_536;

const NO_ROWS: Int32Array = new Int32Array(0);

/**
 * Looks at the numbers of the rows of a stream, as its provider declares them. A hole becomes a `gap` at its place;
 * a row that was delivered already is dropped; one that comes late is kept and counted. Between rows that follow one
 * another it allocates nothing.
 *
 * A `gap` and a `reset` of the provider begin a new chain. So does a number that is not higher although its row is
 * later in time: no row is dropped for good where a venue begins its numbers anew. Where missing rows are had in
 * another way, a `gap` leaves the chain as it is: what comes again behind it was delivered.
 */
export class SequenceCheck {
  readonly #symbols: Dictionary;
  readonly #isByOne: boolean;
  readonly #isOfStream: boolean;
  readonly #isBook: boolean;
  readonly #refetches: boolean;
  /** Rows without a time cannot show that numbers have begun anew: a `gap` has to do. */
  readonly #keepsChains: boolean;
  readonly #disorderNs: bigint;
  readonly #timeAt: number;
  readonly #symbolAt: number;
  readonly #numberAt: number;
  readonly #untimedAt: number;
  readonly #recent: RecentNumbers | undefined;
  /** By chain: whether it has begun, and the number and the time of its last row. */
  #isRunning = new Uint8Array(0);
  #highs = NO_ROWS;
  #lows = NO_ROWS;
  #times = NO_ROWS;
  /** By chain: its first number, and the numbers that are missing since. */
  readonly #begins = new Map<number, bigint>();
  readonly #missing = new Map<number, MissingNumbers>();
  readonly #hasBegun = new Set<number>();
  /** By symbol, where numbers go up: the number up to which an earlier start has delivered. */
  readonly #restored = new Map<number, bigint>();
  /** Numbers of the stream that were had in another way before the stream came to them. */
  readonly #ahead = new Set<bigint>();
  readonly #holeOf = new WeakMap<ControlRecord, MissingHole>();
  readonly #beginnings = new WeakSet<ControlRecord>();
  /** Of the batch in hand. */
  #told: PlacedControl[] = [];
  #keep: Uint8Array | undefined;
  #failure: ProviderError | undefined;
  #rowsDuplicate = 0;
  #rowsDisordered = 0;
  #rowsMissing = 0;
  #gaps = 0;

  /**
   * @param maxDelayNs - How far a row may be behind earlier rows of its symbol, in time.
   * @param refetches - Whether rows in a `gap` of the provider are had in another way.
   */
  constructor(
    schema: Schema,
    { scope, step }: SequenceNumbers,
    symbols: Dictionary,
    { maxDelayNs = 0, refetches = false } = {},
  ) {
    this.#refetches = refetches;
    this.#symbols = symbols;
    this.#isByOne = step === 'one';
    this.#isOfStream = scope === 'stream';
    this.#isBook = schema.kind === 'book';
    this.#disorderNs = BigInt(maxDelayNs) + (this.#isOfStream ? STREAM_DISORDER_NS : 0n);
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
    this.#numberAt = columnIndex(schema, 'sequence');
    this.#untimedAt = columnIndex(schema, 'untimed');
    this.#keepsChains = refetches && this.#untimedAt < 0;
    this.#recent = this.#isByOne || this.#isBook ? undefined : new RecentNumbers();
  }

  /**
   * Why the stream has to break off behind the rows that were left: changes of a book are missing, and only a new
   * stream begins with all of its levels.
   */
  get failure(): ProviderError | undefined {
    return this.#failure;
  }

  /** The numbers that a `gap` of this check stands for; `undefined` if it is none of its own. */
  holeOf(record: ControlRecord): MissingHole | undefined {
    return this.#holeOf.get(record);
  }

  /** Whether numbers begin anew behind a `gap` of this check. */
  beginsAnew(record: ControlRecord): boolean {
    return this.#beginnings.has(record);
  }

  statistics(): StageStatistics {
    return {
      rowsDuplicate: this.#rowsDuplicate,
      rowsDisordered: this.#rowsDisordered,
      rowsMissing: this.#rowsMissing,
      sequenceGaps: this.#gaps,
    };
  }

  /** Goes on from an earlier start. */
  goOnFrom(symbol: number, number: bigint, time: bigint): void {
    if (this.#recent) this.#restored.set(symbol, number);
    this.#grow();
    this.#goTo(this.#isOfStream ? 0 : symbol, number, time);
  }

  #goTo(chain: number, number: bigint, time: bigint): void {
    if (this.#isRunning[chain] !== 0 && number <= this.#lastOf(chain)) return;
    this.#isRunning[chain] = 1;
    this.#hasBegun.add(chain);
    this.#lows[chain] = Number(number & 0xffff_ffffn) | 0;
    this.#highs[chain] = Number(number >> 32n);
    this.#times[2 * chain] = Number(time & 0xffff_ffffn) | 0;
    this.#times[2 * chain + 1] = Number(time >> 32n);
  }

  /** A row has been had in another way: if it comes now, it comes twice. */
  fill(symbol: number, number: bigint, time: bigint): void {
    const chain = this.#isOfStream ? 0 : symbol;
    this.#grow();
    this.#recent?.add(chain, Number(number >> 32n), Number(number & 0xffff_ffffn) | 0);
    if (this.#missing.get(chain)?.fetch(number)) this.#rowsMissing--;
    else if (this.#isBeforeBegin(chain, number)) return;
    else if (!this.#isOfStream) this.#goTo(chain, number, time);
    // Rows of other symbols may be missing in between.
    else if (number > this.#lastOf(0) && this.#ahead.size < AHEAD_MAX) this.#ahead.add(number);
  }

  /** Drops rows, and puts records before others. */
  check(batch: Batch): void {
    this.#grow();
    let row = 0;
    for (const placed of batch.controls) {
      row = this.#pass(batch, row, placed.row);
      if (this.#failure) break;
      this.#heed(placed.record);
    }
    if (!this.#failure) this.#pass(batch, row, batch.length);
    if (this.#told.length > 0) this.#placeTold(batch);
    if (this.#keep) retainRows(batch, this.#keep);
    this.#keep = undefined;
    if (this.#recent && this.#ahead.size > 0) this.#dropPassed();
  }

  /** Where numbers only go up, the stream may never come to some of them. They are among the recent ones. */
  #dropPassed(): void {
    const last = this.#lastOf(0);
    for (const number of this.#ahead) if (number <= last) this.#ahead.delete(number);
  }

  /** @returns `to`; less if the stream breaks off before. */
  #pass(batch: Batch, from: number, to: number): number {
    const { columns } = batch;
    const times = columns[this.#timeAt] as Int32Array;
    const symbols = columns[this.#symbolAt] as Int32Array;
    const numbers = columns[this.#numberAt] as Int32Array;
    const isByOne = this.#isByOne;
    const isBook = this.#isBook;
    const isOfStream = this.#isOfStream;
    const recent = this.#recent;
    const ahead = this.#ahead;
    const isRunning = this.#isRunning;
    const highs = this.#highs;
    const lows = this.#lows;
    const last = this.#times;
    for (let row = from; row < to; row++) {
      const chain = isOfStream ? 0 : symbols[row]!;
      const low = numbers[2 * row]!;
      const high = numbers[2 * row + 1]!;
      if (isRunning[chain] === 0) this.#begin(chain, numbers, row);
      else {
        const step = (high - highs[chain]!) * TWO_32 + ((low >>> 0) - (lows[chain]! >>> 0));
        const isNext = isByOne ? step === 1 : step > 0;
        if (!isNext && !(isBook && step === 0)) {
          const found = step > 0 ? this.#hole(batch, row, chain) : this.#notHigher(batch, row, chain, step);
          if (this.#failure) return row;
          if (found !== 'next') continue;
        }
      }
      if (ahead.size > 0 && ahead.delete(readInt64(numbers, row))) this.#dropTwice(batch, row);
      lows[chain] = low;
      highs[chain] = high;
      last[2 * chain] = times[2 * row]!;
      last[2 * chain + 1] = times[2 * row + 1]!;
      recent?.add(chain, high, low);
    }
    return to;
  }

  #begin(chain: number, numbers: Int32Array, row: number): void {
    this.#isRunning[chain] = 1;
    const mayHaveEarlier = !this.#refetches || !this.#hasBegun.has(chain);
    this.#hasBegun.add(chain);
    if (this.#isByOne && !this.#isBook && mayHaveEarlier) this.#begins.set(chain, readInt64(numbers, row));
  }

  /** A number that is higher by more than one. */
  #hole(batch: Batch, row: number, chain: number): Found {
    const number = readInt64(batch.columns[this.#numberAt] as Int32Array, row);
    const range = { from: this.#lastOf(chain) + 1n, to: number - 1n };
    const rows = Number(range.to - range.from) + 1;
    this.#gaps++;
    this.#rowsMissing += rows;
    const record = this.#gap(batch, row, chain, `sequence: ${rowsText(rows)} missing (${rangeText(range)})`);
    if (this.#isBook) this.#breakOff(batch, row, range);
    else this.#holeOf.set(record, this.#miss(chain, range));
    return 'next';
  }

  #miss(chain: number, range: MissingRange): MissingHole {
    const missing = this.#missingOf(chain);
    const hole = missing.add(range);
    for (const number of this.#ahead) {
      if (!missing.take(number)) continue;
      this.#ahead.delete(number);
      this.#rowsMissing--;
    }
    return hole;
  }

  /** A number that is that of the last row, or lower. */
  #notHigher(batch: Batch, row: number, chain: number, step: number): Found {
    const numbers = batch.columns[this.#numberAt] as Int32Array;
    const number = readInt64(numbers, row);
    const isMissing = this.#isMissing(chain, number);
    if (!isMissing && step < 0 && this.#isLaterInTime(batch, row, chain)) {
      return this.#beginAnew(batch, row, chain, number);
    }
    if (isMissing || this.#isBeforeBegin(chain, number)) {
      this.#rowsDisordered++;
      return 'late';
    }
    const isKnown =
      step === 0 || !this.#recent || this.#recent.has(chain, numbers[2 * row + 1]!, numbers[2 * row]!);
    if (isKnown || this.#isRestored(batch, row, number)) {
      this.#dropTwice(batch, row);
      return 'twice';
    }
    this.#rowsDisordered++;
    this.#recent?.add(chain, numbers[2 * row + 1]!, numbers[2 * row]!);
    return 'late';
  }

  #isRestored(batch: Batch, row: number, number: bigint): boolean {
    const restored = this.#restored.get((batch.columns[this.#symbolAt] as Int32Array)[row]!);
    return restored !== undefined && number <= restored;
  }

  #isMissing(chain: number, number: bigint): boolean {
    if (!this.#missing.get(chain)?.take(number)) return false;
    this.#rowsMissing--;
    return true;
  }

  /** A row from before the first one of its chain: nobody has delivered it. */
  #isBeforeBegin(chain: number, number: bigint): boolean {
    const begin = this.#begins.get(chain);
    if (begin === undefined || number >= begin) return false;
    this.#begins.set(chain, number);
    if (number + 1n < begin) {
      this.#missingOf(chain).add({ from: number + 1n, to: begin - 1n });
      this.#rowsMissing += Number(begin - number) - 1;
    }
    return true;
  }

  #isLaterInTime(batch: Batch, row: number, chain: number): boolean {
    const untimed = batch.columns[this.#untimedAt];
    if (untimed?.[row] === 1) return false;
    const time = readInt64(batch.columns[this.#timeAt] as Int32Array, row);
    return time > readInt64(this.#times, chain) + this.#disorderNs;
  }

  #beginAnew(batch: Batch, row: number, chain: number, number: bigint): Found {
    const last = this.#lastOf(chain);
    this.#gaps++;
    const reason = `sequence: the numbers begin anew with ${number} after ${last}`;
    this.#beginnings.add(this.#gap(batch, row, chain, reason));
    if (this.#isBook) this.#breakOff(batch, row, { from: number, to: number });
    this.#forget(chain, 'reset');
    this.#begin(chain, batch.columns[this.#numberAt] as Int32Array, row);
    return 'next';
  }

  /** The missing rows may be of the instants of the rows around them. */
  #gap(batch: Batch, row: number, chain: number, reason: string): ControlRecord {
    const before = readNanos(this.#times, chain);
    const after = readNanos(batch.columns[this.#timeAt] as Int32Array, row);
    const [from, to] = before < after ? [before, after] : [after, before];
    const symbol = this.#isOfStream ? null : this.#symbols.at(chain);
    const record: ControlRecord = {
      type: 'gap',
      from,
      to: (to + 1n) as Nanos,
      ...(symbol !== null && { symbol }),
      reason,
    };
    this.#told.push({ row, record });
    return record;
  }

  #breakOff(batch: Batch, row: number, { from, to }: MissingRange): void {
    const message = `expected the changes ${rangeText({ from, to })} of a book, found later ones; it has to begin with a new snapshot`;
    this.#failure = new ProviderError('disconnected', message);
    const keep = this.#keepOf(batch);
    keep.fill(0, row);
    batch.controls = batch.controls.filter((placed) => placed.row <= row);
  }

  #heed(record: ControlRecord): void {
    if (record.type !== 'reset' && (record.type !== 'gap' || this.#keepsChains)) return;
    const symbol = record.type === 'gap' ? record.symbol : undefined;
    if (symbol === undefined || this.#isOfStream) {
      for (let chain = 0; chain < this.#isRunning.length; chain++) this.#forget(chain, record.type);
      return;
    }
    const chain = this.#symbols.find(symbol);
    if (chain !== undefined && chain < this.#isRunning.length) this.#forget(chain, record.type);
  }

  /** @param why - After a `reset`, numbers have nothing to do with those before. */
  #forget(chain: number, why: 'gap' | 'reset'): void {
    this.#isRunning[chain] = 0;
    this.#begins.delete(chain);
    if (why === 'reset') this.#missing.get(chain)?.clear();
    else this.#missing.get(chain)?.forget();
    this.#recent?.forget(chain);
    this.#ahead.clear(); // there are some in chain 0 alone
    if (this.#isOfStream) this.#restored.clear();
    else this.#restored.delete(chain);
  }

  #dropTwice(batch: Batch, row: number): void {
    this.#rowsDuplicate++;
    this.#keepOf(batch)[row] = 0;
  }

  #keepOf({ length }: Batch): Uint8Array {
    this.#keep ??= new Uint8Array(length).fill(1);
    return this.#keep;
  }

  /** Puts the records that were found behind those of the provider that stand before the same rows. */
  #placeTold(batch: Batch): void {
    const told = this.#told;
    this.#told = [];
    batch.controls = [...batch.controls, ...told].sort((a, b) => a.row - b.row); // a stable sort
  }

  #missingOf(chain: number): MissingNumbers {
    let missing = this.#missing.get(chain);
    if (!missing) {
      missing = new MissingNumbers();
      this.#missing.set(chain, missing);
    }
    return missing;
  }

  #lastOf(chain: number): bigint {
    return (BigInt(this.#highs[chain]!) << 32n) | BigInt(this.#lows[chain]! >>> 0);
  }

  /** Symbols may have been added since. */
  #grow(): void {
    const chains = this.#isOfStream ? 1 : this.#symbols.size;
    if (chains <= this.#isRunning.length) return;
    const room = Math.max(chains, 2 * this.#isRunning.length, 16);
    this.#isRunning = grown(this.#isRunning, new Uint8Array(room));
    this.#highs = grown(this.#highs, new Int32Array(room));
    this.#lows = grown(this.#lows, new Int32Array(room));
    this.#times = grown(this.#times, new Int32Array(2 * room));
    this.#recent?.grow(room);
  }
}

function grown<Words extends Uint8Array | Int32Array>(from: Words, to: Words): Words {
  to.set(from);
  return to;
}

const rowsText = (rows: number): string => (rows === 1 ? 'a row is' : `${rows} rows are`);
const rangeText = ({ from, to }: MissingRange): string => (from === to ? `${from}` : `${from} to ${to}`);
