import type { Batch } from '../../columns/batch.js';
import { TWO_32, writeInt64 } from '../../columns/int64.js';
import { BOOK_ACTIONS, BOOK_SIDES, columnIndex, TRADE_SIDES } from '../../columns/schema.js';
import { cutText, describeValue } from '../../core/shown-text.js';
import type { Nanos } from '../../core/units.js';
import type {
  BarRow,
  BarWriter,
  BookRow,
  BookWriter,
  GapNote,
  QuoteRow,
  QuoteWriter,
  RowColumn,
  RowTimes,
  TradeRow,
  TradeWriter,
} from '../contract/row-writers.js';
import { nanosOf } from './dropped-span.js';
import { type FeedBuffer, MS_MAX } from './feed-buffer.js';
import { refused } from './refused.js';
import { writeRowColumns } from './row-columns.js';

type AnyRow = TradeRow | QuoteRow | BookRow | BarRow;

/** Values by name, in the order of the arguments of the methods that take numbers. */
const NUMBERS = {
  trade: ['price', 'size'],
  quote: ['bid', 'ask', 'bidSize', 'askSize'],
  book: ['price', 'size'],
  bar: ['open', 'high', 'low', 'close', 'volume', 'vwap'],
} as const;

type FeedKind = keyof typeof NUMBERS;

/**
 * Writes the rows of a provider into a buffer. It has the methods of all kinds of rows; those of other kinds than
 * the buffer's are refused.
 */
export class FeedWriter implements TradeWriter, QuoteWriter, BookWriter, BarWriter {
  readonly #buffer: FeedBuffer;
  readonly #kind: FeedKind;
  readonly #at: Readonly<Record<string, number>>;
  readonly #isTooEarly: (() => boolean) | undefined;
  #isEnded = false;
  /** Of the batch that is written into, by the place of the value among the arguments. */
  #batch: Batch | undefined;
  #value0: Float64Array | undefined;
  #value1: Float64Array | undefined;
  #value2: Float64Array | undefined;
  #value3: Float64Array | undefined;
  #value4: Float64Array | undefined;
  #value5: Float64Array | undefined;
  #sequence: Int32Array | undefined;
  #side: Uint8Array | undefined;
  #action: Uint8Array | undefined;
  #whole: Int32Array | undefined;
  #offMarket: Uint8Array | undefined;

  /** @param isTooEarly - Whether what is written now may have to be written again. Default: it never has. */
  constructor(buffer: FeedBuffer, isTooEarly?: () => boolean) {
    this.#buffer = buffer;
    this.#isTooEarly = isTooEarly;
    const { schema } = buffer;
    this.#kind = schema.kind as FeedKind; // `feedSchema` makes no others
    this.#at = Object.fromEntries(schema.columns.map(({ name }) => [name, columnIndex(schema, name)]));
  }

  get hasRoom(): boolean {
    return this.#isEnded || this.#buffer.hasRoom;
  }

  whenRoom(): Promise<void> {
    return this.#isEnded ? Promise.resolve() : this.#buffer.whenRoom();
  }

  symbolId(symbol: string): number {
    if (typeof symbol !== 'string' || symbol === '') {
      throw refused(`expected a symbol, found ${describeValue(symbol)}`);
    }
    return this.#buffer.symbols.idOf(symbol);
  }

  trade(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    price: number,
    size = Number.NaN,
    side = 0,
    sequence = Number.NaN,
    offMarket = 0,
  ): void {
    const row = this.#begin('trade', symbolId, timeMs, subMsNs);
    if (row < 0) return;
    this.#must(this.#value0, 0, row, price);
    this.#must(this.#value1, 1, row, size);
    this.#code('side', this.#side, row, side, TRADE_SIDES.length);
    this.#code('offMarket', this.#offMarket, row, offMarket, 2);
    this.#number(row, sequence);
  }

  quote(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    bid: number,
    ask: number,
    bidSize = Number.NaN,
    askSize = Number.NaN,
    sequence = Number.NaN,
  ): void {
    const row = this.#begin('quote', symbolId, timeMs, subMsNs);
    if (row < 0) return;
    this.#must(this.#value0, 0, row, bid);
    this.#must(this.#value1, 1, row, ask);
    this.#must(this.#value2, 2, row, bidSize);
    this.#must(this.#value3, 3, row, askSize);
    this.#number(row, sequence);
  }

  level(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    side: number,
    price: number,
    size: number,
    level = 0,
    action = 1, // change
    sequence = Number.NaN,
  ): void {
    const row = this.#begin('book', symbolId, timeMs, subMsNs);
    if (row < 0) return;
    this.#must(this.#value0, 0, row, price);
    this.#must(this.#value1, 1, row, size);
    this.#code('side', this.#side, row, side, BOOK_SIDES.length);
    this.#code('action', this.#action, row, action, BOOK_ACTIONS.length);
    this.#count('level', row, level);
    this.#number(row, sequence);
  }

  bar(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    open: number,
    high: number,
    low: number,
    close: number,
    volume = Number.NaN,
    vwap = Number.NaN,
    count = 0,
    sequence = Number.NaN,
  ): void {
    const row = this.#begin('bar', symbolId, timeMs, subMsNs);
    if (row < 0) return;
    this.#may(this.#value0, 0, row, open);
    this.#may(this.#value1, 1, row, high);
    this.#may(this.#value2, 2, row, low);
    this.#may(this.#value3, 3, row, close);
    this.#may(this.#value4, 4, row, volume);
    this.#may(this.#value5, 5, row, vwap);
    this.#count('count', row, count);
    this.#number(row, sequence);
  }

  write(row: AnyRow): void {
    if (typeof row !== 'object' || row === null) {
      throw refused(`expected a row as an object, found ${describeValue(row)}`);
    }
    const { ms, sub } = timeOf(row);
    const values = row as unknown as Readonly<Record<string, unknown>>;
    const at = this.#begin(this.#kind, this.symbolId(row.symbol), ms, sub);
    if (at < 0) return;
    const columns = [this.#value0, this.#value1, this.#value2, this.#value3, this.#value4, this.#value5];
    for (const [i, name] of NUMBERS[this.#kind].entries()) {
      const value = (values[name] ?? Number.NaN) as number; // checked below
      if (this.#kind === 'bar') this.#may(columns[i], i, at, value);
      else this.#must(columns[i], i, at, value);
    }
    if (this.#side) {
      const sides: readonly string[] = this.#kind === 'book' ? BOOK_SIDES : TRADE_SIDES;
      const side = values.side ?? (this.#kind === 'book' ? undefined : 'unknown');
      this.#code('side', this.#side, at, sides.indexOf(side as string), sides.length);
    }
    if (this.#offMarket) {
      this.#code('offMarket', this.#offMarket, at, flagOf(values.offMarket), 2);
    }
    if (this.#action) {
      const action = BOOK_ACTIONS.indexOf((values.action ?? 'change') as (typeof BOOK_ACTIONS)[number]);
      this.#code('action', this.#action, at, action, BOOK_ACTIONS.length);
    }
    if (this.#whole) {
      const name = this.#kind === 'book' ? 'level' : 'count';
      this.#count(name, at, typeof values[name] === 'number' ? (values[name] as number) : Number.NaN);
    }
    if (typeof row.sequence === 'bigint' && this.#sequence) {
      if (BigInt.asIntN(64, row.sequence) !== row.sequence) this.#refuse('sequence', row.sequence);
      writeInt64(this.#sequence, at, row.sequence);
    } else this.#number(at, typeof row.sequence === 'number' ? row.sequence : Number.NaN);
  }

  writeColumns(rows: number, columns: Readonly<Record<string, RowColumn>>): void {
    if (this.#isEnded) return;
    if (this.#isTooEarly?.()) refuseEarly();
    writeRowColumns(this.#buffer, rows, columns);
  }

  gap({ fromMs, toMs, symbol, reason }: GapNote): void {
    const from = instantOf(fromMs);
    const to = instantOf(toMs);
    if (to < from) throw refused(`a gap: expected "toMs" after "fromMs" (${fromMs}), found ${toMs}`);
    const span = { from, to: to === from ? ((to + 1n) as Nanos) : to };
    this.#control({ type: 'gap', ...span, ...ofSymbol(symbol), reason: reasonOf(reason) });
  }

  reset(reason: string): void {
    if (this.#isEnded) return;
    const atMs = this.#buffer.present.at(this.#buffer.receivedMs());
    this.#control({ type: 'reset', at: instantOf(atMs), reason: reasonOf(reason) });
  }

  stale(sinceMs: number, symbol?: string): void {
    const since = instantOf(sinceMs);
    this.#control({ type: 'stale', since, ...ofSymbol(symbol) });
  }

  /** Nothing more is wanted: what is written from now on is lost without a word. */
  end(): void {
    this.#isEnded = true;
  }

  #control(record: Parameters<FeedBuffer['control']>[0]): void {
    if (this.#isEnded) return;
    if (this.#isTooEarly?.()) refuseEarly();
    this.#buffer.control(record);
  }

  /** @returns The place of the row; −1 if it is not taken in. */
  #begin(kind: FeedKind, symbol: number, ms: number, sub: number): number {
    if (this.#isEnded) return -1;
    if (kind !== this.#kind) refuseKind(kind, this.#kind);
    if (this.#isTooEarly?.()) refuseEarly();
    const row = this.#buffer.begin(symbol, ms, sub);
    if (this.#buffer.batch !== this.#batch) this.#bind();
    return row;
  }

  /** Looks up the columns of the batch that is written into. */
  #bind(): void {
    const batch = this.#buffer.batch;
    this.#batch = batch;
    if (!batch) return;
    const column = (name: string) => {
      const at = this.#at[name];
      return at === undefined ? undefined : batch.columns[at];
    };
    const values = NUMBERS[this.#kind].map((name) => column(name) as Float64Array | undefined);
    [this.#value0, this.#value1, this.#value2, this.#value3, this.#value4, this.#value5] = values;
    this.#sequence = column('sequence') as Int32Array | undefined;
    this.#side = column('side') as Uint8Array | undefined;
    this.#action = column('action') as Uint8Array | undefined;
    this.#offMarket = column('offMarket') as Uint8Array | undefined;
    this.#whole = column(this.#kind === 'book' ? 'level' : 'count') as Int32Array | undefined;
  }

  /** @param place - Of the value among `NUMBERS`. */
  #must(column: Float64Array | undefined, place: number, row: number, value: number): void {
    if (column === undefined) return;
    if (!Number.isFinite(value)) this.#refuse(NUMBERS[this.#kind][place]!, value);
    column[row] = value;
  }

  /** NaN is no value. */
  #may(column: Float64Array | undefined, place: number, row: number, value: number): void {
    if (column === undefined) return;
    if (!Number.isFinite(value) && !Number.isNaN(value)) this.#refuse(NUMBERS[this.#kind][place]!, value);
    column[row] = value;
  }

  #code(name: string, column: Uint8Array | undefined, row: number, code: number, codes: number): void {
    if (column === undefined) return;
    if (code >>> 0 !== code || code >= codes) this.#refuse(name, code);
    column[row] = code;
  }

  #count(name: string, row: number, value: number): void {
    const column = this.#whole;
    if (column === undefined) return;
    column[row] = value;
    if (column[row] !== value || value < 0) this.#refuse(name, value);
  }

  #number(row: number, sequence: number): void {
    const words = this.#sequence;
    if (words === undefined) return;
    if (Math.floor(sequence) !== sequence || Math.abs(sequence) > Number.MAX_SAFE_INTEGER) {
      this.#refuse('sequence', sequence);
    }
    const high = Math.floor(sequence / TWO_32);
    words[2 * row] = (sequence - high * TWO_32) | 0;
    words[2 * row + 1] = high;
  }

  /** Half a row is not delivered. */
  #refuse(name: string, value: unknown): never {
    this.#buffer.takeBack();
    const found =
      typeof value === 'number' || typeof value === 'bigint' ? String(value) : describeValue(value);
    throw refused(`a row of kind ${this.#kind}: expected a value of "${name}", found ${found}`);
  }
}

/** @returns 1 or 0; −1 for what is no flag. */
const flagOf = (value: unknown): number =>
  value === undefined || typeof value === 'boolean' ? Number(value === true) : -1;

function refuseEarly(): never {
  throw refused(
    'expected a page to be written once gate.call has resolved, found a part written within it: an attempt that ' +
      'fails is made again, and its rows would be there twice',
  );
}

function refuseKind(found: FeedKind, expected: FeedKind): never {
  throw refused(`expected rows of kind ${expected}, found one of kind ${found}`);
}

/** Of a text in a record. Symbols are as long as this in specs, too. */
const SYMBOL_CHARS_MAX = 200;
const REASON_CHARS_MAX = 500;

const reasonOf = (reason: unknown): string =>
  typeof reason === 'string' ? cutText(reason, REASON_CHARS_MAX) : describeValue(reason);

function ofSymbol(symbol: unknown): { readonly symbol?: string } {
  if (symbol === undefined) return {};
  if (typeof symbol === 'string' && symbol !== '' && symbol.length <= SYMBOL_CHARS_MAX) return { symbol };
  throw refused(`expected a symbol, or none for all, found ${describeValue(symbol)}`);
}

/** An instant in ms, which may have a fraction. */
function instantOf(ms: number): Nanos {
  const whole = Math.floor(ms);
  if (!(Math.abs(whole) < MS_MAX)) throw refused(`expected ms since 1970, found ${ms}`);
  return nanosOf(whole, Math.min(999_999, Math.round((ms - whole) * 1e6)));
}

function timeOf({ timeMs, timeNs }: RowTimes): { readonly ms: number; readonly sub: number } {
  if (typeof timeNs === 'bigint') {
    const sub = ((timeNs % 1_000_000n) + 1_000_000n) % 1_000_000n;
    return { ms: Number((timeNs - sub) / 1_000_000n), sub: Number(sub) };
  }
  if (timeMs === undefined || timeMs === null) return { ms: Number.NaN, sub: 0 };
  if (!Number.isFinite(timeMs)) throw refused(`expected "timeMs" in ms since 1970, found ${timeMs}`);
  const ms = Math.floor(timeMs);
  return { ms, sub: Math.min(999_999, Math.round((timeMs - ms) * 1e6)) };
}
