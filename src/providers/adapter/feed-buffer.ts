import type { Batch } from '../../columns/batch.js';
import { BatchPool } from '../../columns/batch-pool.js';
import type { ControlRecord } from '../../columns/control-record.js';
import type { Dictionary, DictionarySet } from '../../columns/dictionary.js';
import { readEpochMillis, readSubMillis, writeEpochMillis } from '../../columns/int64.js';
import { columnIndex, type Schema } from '../../columns/schema.js';
import type { Clock } from '../../core/clock.js';
import { ProviderError } from '../../core/provider-error.js';
import { FeedPresent } from '../../engine/event-time/feed-present.js';
import { DROPPED, FeedRoom } from './feed-room.js';
import { FullBatches } from './full-batches.js';
import { refused, refuseId, refuseTime, refuseUntimed } from './refused.js';

/** Rows of a stream that may wait to be read, unless a batch alone is larger. */
export const ROWS_WAITING_MAX = 65_536;
/** Control records in one batch: with more of them, it is full whatever its rows. */
const CONTROLS_MAX = 1_024;
/** Control records that may wait to be read. */
const CONTROLS_WAITING_MAX = 65_536;
/** Instants that a timestamp holds, in ms: the years 1691 to 2248. */
export const MS_MAX = 2 ** 43;

/** In place of columns while there is no batch. */
const NO_WORDS: Int32Array = new Int32Array(0);

export interface FeedBufferParts {
  readonly schema: Schema;
  /** Rows of a batch. */
  readonly batchRows: number;
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
  /** Rows that may wait. Further rows are dropped. Default: no limit but memory. */
  readonly rowsMax?: number;
  /** Whether a row without a time is refused. Default: it gets the time at which it was received. */
  readonly needsTimes?: boolean;
  /** The earliest time of a row that can be meant, in ms since 1970. Default: any that can be kept. */
  readonly timeMsMin?: number;
  /** Is told of the last row of each go that has a time of its own: by how many ms it was received later. */
  readonly onLag?: (lagMs: number) => void;
}

/**
 * Between the writer of a provider and the reads of its source: puts rows into batches in order of arrival. A
 * batch has what has arrived by the time at which it is taken, so that a slow feed is not delayed and a fast one has
 * full batches. Rows that come in one go have one time of receipt.
 */
export class FeedBuffer {
  readonly #pool: BatchPool;
  readonly #symbols: Dictionary;
  readonly #clock: Clock;
  readonly #room: FeedRoom;
  readonly needsTimes: boolean;
  readonly #timeMsMin: number;
  readonly #onLag: ((lagMs: number) => void) | undefined;
  readonly #timeAt: number;
  readonly #symbolAt: number;
  readonly #receivedAt: number;
  readonly #untimedAt: number;
  readonly #isBook: boolean;
  readonly #full = new FullBatches();
  /** The batch that rows are written into, and how many it has. */
  #batch: Batch | undefined;
  #length = 0;
  /** Rows that it takes; 0 without one, and once it has too many records. Its columns stand beside it, so that no row looks them up. */
  #capacity = 0;
  #times = NO_WORDS;
  #symbolIds = NO_WORDS;
  #received: Int32Array | undefined;
  #untimed: Uint8Array | undefined;
  #controlsWaiting = 0;
  #isClosed = false;
  /** Those who wait until nothing waits to be taken. */
  #untilTaken: (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;
  /** When the rows of this go were received. */
  #receivedMs = 0;
  #receivedSub = 0;
  #isStamped = false;
  /** The row of `batch` whose lag was told: a go may be of records alone. */
  #lagRow = -1;
  /** Of the rows whose lag was told. */
  readonly present = new FeedPresent();
  readonly #endGo = () => this.#tell();
  #waiter: (() => void) | undefined;

  constructor({
    schema,
    batchRows,
    dictionaries,
    clock,
    rowsMax = Number.POSITIVE_INFINITY,
    needsTimes = false,
    timeMsMin = 1 - MS_MAX,
    onLag,
  }: FeedBufferParts) {
    this.#pool = new BatchPool(schema, batchRows, dictionaries);
    this.#symbols = dictionaries.get('symbol');
    this.#clock = clock;
    this.#room = new FeedRoom(Math.max(rowsMax, batchRows), this.#symbols);
    this.needsTimes = needsTimes;
    this.#timeMsMin = timeMsMin;
    this.#onLag = onLag;
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
    this.#receivedAt = columnIndex(schema, 'received');
    this.#untimedAt = columnIndex(schema, 'untimed');
    this.#isBook = schema.kind === 'book';
  }

  get schema(): Schema {
    return this.#pool.schema;
  }

  get symbols(): Dictionary {
    return this.#symbols;
  }

  /** The batch that rows are written into. It changes as it fills. */
  get batch(): Batch | undefined {
    return this.#batch;
  }

  /** Rows that wait to be read. */
  get rowsWaiting(): number {
    return this.#full.rows + this.#length;
  }

  get hasRoom(): boolean {
    return this.#isClosed || this.#room.isRoomy(this.rowsWaiting);
  }

  /** Whether rows were dropped, and half of those that wait have not been taken since. */
  get isDropping(): boolean {
    return this.#room.isDropping;
  }

  /** Rows dropped so far. */
  get rowsDropped(): number {
    return this.#room.rowsDropped;
  }

  /** Why nothing more is taken in, such as that there is no memory. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** @param ms - A time of a row, in ms since 1970. @returns Whether it can be kept, and meant. */
  isPlausible(ms: number): boolean {
    return ms >= this.#timeMsMin && ms < MS_MAX;
  }

  whenRoom(): Promise<void> {
    return this.hasRoom ? Promise.resolve() : this.#room.wait();
  }

  /**
   * Begins a row: writes its symbol and its times.
   *
   * @param ms - Event time in whole ms since 1970; NaN: the row has none.
   * @param sub - The ns past it.
   * @returns The place of the row in `batch`. −1 if it is not taken in.
   * @throws {ProviderError} `protocol` for an id that no symbol has, and a time that cannot be kept.
   */
  begin(symbol: number, ms: number, sub: number): number {
    // What is rare stands in functions of its own: this one is inlined then, and boxes no number.
    if (!this.#isStamped && !this.#beginGo()) return -1;
    if (symbol >>> 0 !== symbol || symbol >= this.#symbols.size) refuseId(symbol);
    const isUntimed = Number.isNaN(ms);
    if (isUntimed && this.needsTimes) refuseUntimed();
    const timeMs = isUntimed ? this.#receivedMs : ms;
    const timeSub = isUntimed ? this.#receivedSub : sub;
    if (!isUntimed && (Math.floor(ms) !== ms || !this.isPlausible(ms) || !(sub >= 0 && sub < 1e6))) {
      refuseTime(ms, sub);
    }
    if (this.#length >= this.#capacity && !this.#openBatch()) {
      this.drop(symbol, timeMs, timeSub);
      return -1;
    }
    const row = this.#length++;
    this.#symbolIds[row] = symbol;
    writeEpochMillis(this.#times, row, timeMs, timeSub);
    if (this.#received !== undefined) {
      writeEpochMillis(this.#received, row, this.#receivedMs, this.#receivedSub);
    }
    if (this.#untimed !== undefined) this.#untimed[row] = isUntimed ? 1 : 0;
    return row;
  }

  /**
   * Begins rows that are copied as columns.
   *
   * @returns How many of them `batch` has room for, from its row `rowsInBatch` on. 0: they are dropped. −1: nothing
   *   more is taken in.
   */
  beginMany(rows: number): number {
    if (!this.#isStamped && !this.#beginGo()) return -1;
    if (this.#length >= this.#capacity && !this.#openBatch()) return this.#failure ? -1 : 0;
    return Math.min(rows, this.#capacity - this.#length);
  }

  /** Rows in `batch` so far. */
  get rowsInBatch(): number {
    return this.#length;
  }

  /** The rows that `beginMany` had room for have been written, but for their time of receipt. */
  endMany(rows: number): void {
    if (this.#received !== undefined) {
      for (let row = this.#length; row < this.#length + rows; row++) {
        writeEpochMillis(this.#received, row, this.#receivedMs, this.#receivedSub);
      }
    }
    this.#length += rows;
  }

  /** Takes back the row that was begun last. */
  takeBack(): void {
    this.#length--;
  }

  /** Puts a record behind the rows so far. */
  control(record: ControlRecord): void {
    if (!this.#isStamped && !this.#beginGo()) return;
    this.#put(record);
  }

  /** Wall time at which the rows of this go were received, in ms. */
  receivedMs(): number {
    if (!this.#isStamped) this.#beginGo();
    return this.#receivedMs;
  }

  /** The ns past it. */
  get receivedSub(): number {
    return this.#receivedSub;
  }

  /** Returns a batch with what has arrived, owned by the caller; `undefined` if nothing has. */
  take(): Batch | undefined {
    const batch = this.#full.shift() ?? this.#takeOpen();
    if (!batch) return undefined;
    this.#controlsWaiting -= batch.controls.length;
    if (this.#room.isHalf(this.rowsWaiting)) this.#makeRoom();
    if (this.rowsWaiting === 0) this.#tellTaken();
    return batch;
  }

  /** Resolves once no rows wait to be taken, and when it is closed. `undefined` if none do. */
  whenTaken(): Promise<void> | undefined {
    if (this.#isClosed || this.rowsWaiting === 0) return undefined;
    return new Promise((resolve) => {
      this.#untilTaken.push(resolve);
    });
  }

  #tellTaken(): void {
    for (const tell of this.#untilTaken.splice(0)) tell();
  }

  /** Resolves once something can be taken, or it is closed or woken. */
  arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** Lets whoever waits for an arrival look again. */
  wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.();
  }

  /** Takes nothing more in. What is there can still be taken. */
  close(): void {
    this.#isClosed = true;
    this.#isStamped = false; // rows look whether it is closed when a go begins
    this.#room.tell();
    this.#tellTaken();
    this.wake();
  }

  /**
   * Drops the first rows of those that wait, with the records before them.
   * @returns Whether there were so many.
   */
  skip(rows: number): boolean {
    let left = rows;
    while (left > 0) {
      const batch = this.take();
      if (!batch) return false;
      if (batch.length <= left) {
        left -= batch.length;
        batch.release();
        continue;
      }
      this.#full.putBack(batch, left);
      this.#controlsWaiting += batch.controls.length;
      left = 0;
    }
    return true;
  }

  /** Shows all that waits to be taken to `complaint`. @returns What it complains of first. */
  check(complaint: (batch: Batch) => string | undefined): string | undefined {
    const open = this.#takeOpen();
    if (open) this.#full.push(open);
    return this.#full.check(complaint);
  }

  /** Shows all that waits to be taken, and leaves it where it is. */
  show(see: (batch: Batch) => void): void {
    if (this.rowsWaiting === 0) return;
    this.check((batch) => {
      see(batch);
      return undefined;
    });
  }

  /** Drops what waits to be taken. */
  clear(): void {
    this.#full.release();
    this.#batch?.release();
    this.#forgetBatch();
    this.#controlsWaiting = 0;
  }

  /** Closes it and frees what is left. */
  release(): void {
    this.close();
    this.clear();
    this.#pool.close();
  }

  /** @returns Whether there is a batch with room for a row. */
  #openBatch(): boolean {
    return this.#room.admits(this.rowsWaiting) && this.#nextBatch() !== undefined;
  }

  #nextBatch(): Batch | undefined {
    if (this.#failure) return undefined;
    const last = this.#takeOpen();
    if (last) this.#full.push(last);
    try {
      const batch = this.#pool.acquire();
      const { columns } = batch;
      this.#batch = batch;
      this.#capacity = batch.capacity;
      this.#times = columns[this.#timeAt] as Int32Array;
      this.#symbolIds = columns[this.#symbolAt] as Int32Array;
      this.#received = columns[this.#receivedAt] as Int32Array | undefined;
      this.#untimed = columns[this.#untimedAt] as Uint8Array | undefined;
    } catch (error) {
      this.#fail(error);
    }
    return this.#batch;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.wake();
  }

  #takeOpen(): Batch | undefined {
    const batch = this.#batch;
    if (!batch || (this.#length === 0 && batch.controls.length === 0)) return undefined;
    batch.length = this.#length;
    this.#forgetBatch();
    return batch;
  }

  #forgetBatch(): void {
    this.#batch = undefined;
    this.#length = 0;
    this.#capacity = 0;
    this.#lagRow = -1;
  }

  #put(record: ControlRecord): void {
    if (this.#controlsWaiting >= CONTROLS_WAITING_MAX) {
      this.#fail(refused(`wrote ${CONTROLS_WAITING_MAX} control records before any of them was read`));
      return;
    }
    const open = this.#batch;
    const batch = open && open.controls.length < CONTROLS_MAX ? open : this.#nextBatch();
    if (!batch) return;
    batch.controls.push({ row: this.#length, record });
    this.#controlsWaiting++;
    if (batch.controls.length >= CONTROLS_MAX) this.#capacity = 0; // it is full
  }

  /** Counts a row that is not taken in. */
  drop(symbol: number, ms: number, sub: number): void {
    if (!this.#failure) this.#room.drop(symbol, ms, sub);
  }

  /** Half of the rows that may wait have been read: tells of those that were dropped, and takes more in. */
  #makeRoom(): void {
    const gap = this.#room.reopen();
    if (gap) {
      this.#put(gap);
      if (this.#isBook) this.#breakOff();
    }
    this.#room.tell();
  }

  /** What follows are changes of a book that is not known any more: only a new stream begins with all of its levels. */
  #breakOff(): void {
    this.#fail(new ProviderError('disconnected', `${DROPPED}; a book has to begin with a new snapshot`));
    this.close();
  }

  /** @returns Whether rows are taken in. */
  #beginGo(): boolean {
    if (!this.#isClosed) this.#stamp();
    return !this.#isClosed;
  }

  #stamp(): void {
    this.#isStamped = true;
    const wall = this.#clock.wall();
    this.#receivedMs = Number(wall / 1_000_000n);
    this.#receivedSub = Number(wall % 1_000_000n);
    queueMicrotask(this.#endGo);
  }

  #tell(): void {
    this.#isStamped = false;
    if (this.#onLag) this.#tellLag(this.#onLag);
    this.wake();
  }

  /** One row stands for those of a go, which have one time of receipt. */
  #tellLag(tell: (lagMs: number) => void): void {
    const row = this.#length - 1;
    if (row < 0 || row === this.#lagRow || this.#untimed?.[row] === 1) return;
    this.#lagRow = row;
    const ms = readEpochMillis(this.#times, row);
    const sub = readSubMillis(this.#times, row);
    this.present.row(ms, this.#receivedMs);
    tell(this.#receivedMs - ms + (this.#receivedSub - sub) / 1e6);
  }
}
