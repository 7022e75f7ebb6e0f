import type { ProviderContext } from '../contract/market-data-provider.js';
import type { BookWriter } from '../contract/row-writers.js';
import { type BookChange, type BookSnapshot, SyncedBook } from '../network/synced-book.js';
import { decimalIn, wholeIn } from './decimals.js';
import type { DepthUpdate } from './decode-depth.js';
import type { BinanceMarket } from './markets.js';
import type { BookOptions } from './options.js';
import type { BinanceRest } from './rest.js';
import { SnapshotTurns } from './snapshot-turns.js';

/** Indexes into `BOOK_SIDES`. */
const BID = 0;
const ASK = 1;
/** Indexes into `BOOK_ACTIONS`. */
const ADD = 0;
const CHANGE = 1;
const DELETE = 2;
const CLEAR = 3;

/** Prices and sizes by turns. */
type Levels = Float64Array;

interface Change extends BookChange {
  readonly bids: Levels;
  readonly asks: Levels;
}

interface Snapshot extends BookSnapshot {
  /** Ms since 1970; NaN: the venue does not say. */
  readonly timeMs: number;
  readonly bids: Levels;
  readonly asks: Levels;
}

export interface BookStreamParts {
  readonly market: BinanceMarket;
  readonly options: BookOptions;
  readonly context: ProviderContext;
  readonly rest: BinanceRest;
  readonly writer: BookWriter;
  /** That of the stream. */
  readonly signal: AbortSignal;
  /** Ends the connection. */
  fail(error: unknown): void;
}

/** Without a bound, all books of a stream would ask within its first second, and hold what comes until then. */
const SNAPSHOTS_AT_ONCE = 8;

/**
 * The books of a stream. They outlive its connections, since the ids of their updates do: whether one is missing after
 * a new connection, the ids tell, and while an old one is replaced none is.
 */
export class BookStream {
  readonly turns = new SnapshotTurns(SNAPSHOTS_AT_ONCE);
  readonly #parts: BookStreamParts;
  readonly #books = new Map<number, OneBook>();
  /** When the snapshot before may be written, and has been. */
  #turn: Promise<void> = Promise.resolve();
  /** Snapshots that were written, and how many when the last one was given room. */
  #begun = 0;
  #begunBefore = -1;

  constructor(parts: BookStreamParts, symbols: readonly string[]) {
    this.#parts = parts;
    for (const symbol of symbols) {
      const id = parts.writer.symbolId(symbol);
      this.#books.set(id, new OneBook(parts, symbol, id, this));
    }
  }

  take(update: DepthUpdate): void {
    this.#books.get(update.symbolId)?.take(update);
  }

  /** A snapshot is about to be written. */
  begin(): void {
    if (this.#begun === 0) this.#parts.writer.reset('the books begin'); // of all symbols
    this.#begun++;
  }

  /** Resolves once a snapshot has room, one after another: those of many symbols at once would have none. */
  room(): Promise<void> {
    this.#turn = this.#roomAfter(this.#turn);
    return this.#turn;
  }

  async #roomAfter(before: Promise<void>): Promise<void> {
    const { writer } = this.#parts;
    await before;
    await this.#lastIsWritten();
    if (!writer.hasRoom) await writer.whenRoom();
    this.#begunBefore = this.#begun;
  }

  /**
   * Lets the snapshot before take its way through the gate to `begin`, which it does not reach if it is of no use. A
   * turn of the loop would do, too, but a replay plays more than one line in it, and not always as many.
   */
  async #lastIsWritten(): Promise<void> {
    for (let step = 0; step < GATE_STEPS_MAX && this.#begun === this.#begunBefore; step++) await undefined;
  }
}

/** Promises, one after another, from a snapshot that has room to its `begin`: many more than a gate has. */
const GATE_STEPS_MAX = 256;

class OneBook {
  readonly #parts: BookStreamParts;
  readonly #symbol: string;
  readonly #id: number;
  readonly #stream: BookStream;
  readonly #synced: SyncedBook<Change, Snapshot>;
  /** Of the changes since the book is not known: the id of the last update in each, and its time. */
  #waiting: { readonly last: number; readonly timeMs: number }[] = [];

  constructor(parts: BookStreamParts, symbol: string, id: number, stream: BookStream) {
    const { market, options, context, writer, signal, fail } = parts;
    this.#parts = parts;
    this.#symbol = symbol;
    this.#id = id;
    this.#stream = stream;
    this.#synced = new SyncedBook<Change, Snapshot>({
      symbol,
      chain: market.chain,
      context,
      writer,
      signal,
      cost: market.weights.depth[options.bookLevels],
      changesMax: CHANGES_MAX,
      bytesMax: BYTES_MAX,
      turn: (own) => stream.turns.take(own),
      whenRoom: () => stream.room(),
      fetch: (own) => this.#fetch(own),
      begin: (snapshot, why) => this.#begin(snapshot, why),
      apply: (change) => this.#apply(change),
      fail,
    });
  }

  take({ timeMs, firstId: first, lastId: last, previousId: previous, bids, asks }: DepthUpdate): void {
    if (this.#synced.isWaitingForTurn) this.#waiting = [];
    if (!this.#synced.isInStep) this.#wait(last, timeMs);
    // A copy, since it may have to wait for a snapshot.
    const levels = { bids: packed(bids), asks: packed(asks) };
    const bytes = CHANGE_BYTES + levels.bids.byteLength + levels.asks.byteLength;
    this.#synced.change({ first, last, previous, timeMs, bytes, ...levels });
    if (!this.#synced.isInStep && this.#waiting.length === 0) this.#wait(last, timeMs);
  }

  #wait(last: number, timeMs: number): void {
    if (this.#waiting.length === WAITING_MAX) this.#waiting.splice(1, WAITING_MAX / 2); // the first stays
    this.#waiting.push({ last, timeMs });
  }

  async #fetch(signal: AbortSignal): Promise<Snapshot> {
    const { rest, options } = this.#parts;
    const path = 'depth';
    const answer = await rest.ask(path, { symbol: this.#symbol, limit: options.bookLevels }, signal);
    const { lastUpdateId, T, bids, asks } = (answer ?? {}) as Readonly<Record<string, unknown>>;
    const id = wholeIn(lastUpdateId);
    if (Number.isNaN(id)) return rest.refuse(path, 'an id "lastUpdateId"', lastUpdateId);
    const levelsOf = (list: unknown) =>
      levelsIn(list) ?? rest.refuse(path, 'levels as ["price", "size"]', list);
    return { id, timeMs: wholeIn(T), bids: levelsOf(bids), asks: levelsOf(asks) };
  }

  #begin({ id, timeMs: own, bids, asks }: Snapshot, why: string): void {
    this.#stream.begin();
    const { context } = this.#parts;
    const timeMs = Number.isNaN(own) ? this.#timeOf(id) : own;
    this.#waiting = [];
    this.#level(timeMs, BID, 0, 0, CLEAR, id);
    this.#level(timeMs, ASK, 0, 0, CLEAR, id);
    this.#write(timeMs, BID, bids, id, true);
    this.#write(timeMs, ASK, asks, id, true);
    if (why !== 'start') context.log.warn({ symbol: this.#symbol, why }, 'book begun anew');
  }

  /** When a snapshot was taken: not before the last change that it has. Spot does not say. */
  #timeOf(id: number): number {
    const [first] = this.#waiting;
    let timeMs = first?.timeMs ?? Number.NaN;
    for (const { last, timeMs: ms } of this.#waiting) if (last <= id) timeMs = ms;
    return timeMs;
  }

  #apply({ timeMs, last, bids, asks }: Change): void {
    this.#write(timeMs, BID, bids, last, false);
    this.#write(timeMs, ASK, asks, last, false);
  }

  #write(timeMs: number, side: number, levels: Levels, sequence: number, isSnapshot: boolean): void {
    for (let at = 0; at < levels.length; at += 2) {
      const size = levels[at + 1]!;
      const action = isSnapshot ? ADD : size === 0 ? DELETE : CHANGE;
      this.#level(timeMs, side, levels[at]!, size, action, sequence);
    }
  }

  #level(timeMs: number, side: number, price: number, size: number, action: number, sequence: number): void {
    this.#parts.writer.level(this.#id, timeMs, 0, side, price, size, 0, action, sequence);
  }
}

/** Changes that are kept while the snapshot of a book is fetched: those of 200 s or more. */
const CHANGES_MAX = 2_000;
/** What they take at most. */
const BYTES_MAX = 4 * 1_024 * 1_024;
/** Of a change, beside its levels. */
const CHANGE_BYTES = 256;
/** Changes whose times are kept while a book waits for its snapshot. */
const WAITING_MAX = 10_000;

function packed({ prices, sizes, length }: DepthUpdate['bids']): Levels {
  const levels = new Float64Array(2 * length);
  for (let i = 0; i < length; i++) {
    levels[2 * i] = prices[i]!;
    levels[2 * i + 1] = sizes[i]!;
  }
  return levels;
}

function levelsIn(list: unknown): Levels | undefined {
  if (!Array.isArray(list)) return undefined;
  const levels = new Float64Array(2 * list.length);
  for (const [i, level] of (list as readonly unknown[]).entries()) {
    const [price, size] = Array.isArray(level) ? level.map(decimalIn) : [];
    if (price === undefined || size === undefined || !Number.isFinite(price) || !Number.isFinite(size))
      return undefined;
    levels[2 * i] = price;
    levels[2 * i + 1] = size;
  }
  return levels;
}
