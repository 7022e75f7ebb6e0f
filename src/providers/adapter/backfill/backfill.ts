import { type Batch, releaseAll } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { gatherRows } from '../../../columns/gather-rows.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import { readInt64 } from '../../../columns/int64.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import { retainRows, selectionOf } from '../../../columns/selection.js';
import { type Clock, sleep, type TimerHandle } from '../../../core/clock.js';
import type { PlainData } from '../../../core/plain-data.js';
import { messageOf } from '../../../core/provider-error.js';
import { cutText } from '../../../core/shown-text.js';
import { millis, type Nanos, toMillisCeil } from '../../../core/units.js';
import { DeliveredRows } from '../../../engine/delivered-rows.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import { FetchedTimes } from '../../quality/fetched-times.js';
import type { SequenceCheck } from '../../quality/sequence-check.js';
import { CursorRound } from '../cursor-round.js';
import type { HistoryPages } from '../history-pages.js';
import { orAborted } from '../or-aborted.js';
import { PageCheck } from '../page-check.js';
import { HistorySlots } from './history-slots.js';
import { RowOutlet } from './row-outlet.js';
import { SharedHoles } from './shared-holes.js';
import { type BackfillRules, type FilledGap, SymbolBackfill } from './symbol-backfill.js';
import { WaitLimit } from './wait-limit.js';

/** Symbols whose history is asked for at the same time. */
const AT_ONCE = 4;
/** Rows that may be ready before further pages are asked for, in batches. */
const BATCHES_AHEAD = 4;
/** Waits for a history that does not reach far enough yet. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 2_000;
/** By how much the clocks of this host and of a venue may differ although no row has shown it. */
const SKEW_NS = 2_000_000_000n;
const REASON_CHARS_MAX = 300;

export interface BackfillParts {
  readonly schema: Schema;
  readonly symbols: readonly string[];
  readonly dictionaries: DictionarySet;
  readonly batchRows: number;
  /** If the numbers of the history are of the same space as those of the stream. */
  readonly check: SequenceCheck | undefined;
  /** Whether the numbers of each symbol go up by one. */
  readonly isExact: boolean;
  /** Whether missing rows show in the numbers. */
  readonly showsMissing: boolean;
  /** How far a row may be behind earlier rows of its symbol, in time. */
  readonly maxDelayNs: number;
  readonly waitMaxMs: number;
  readonly rowsMax: number;
  /** Of the history. */
  readonly lagMs: number | undefined;
  readonly oldestMs: (nowMs: number) => number;
  readonly clock: Clock;
  readonly log: Logger;
  newPages(): HistoryPages;
  /** When the provider has said that it is subscribed, in ns since 1970 UTC. */
  subscribedAt(): bigint | undefined;
  /** By how much the clock of this host is known to be behind that of the venue. */
  skewMs(): number;
  /** Now, in the event time of the feed, in ns since 1970 UTC. */
  eventTimeNow(): bigint;
  /** Something can be taken. */
  onReady(): void;
  /** It cannot go on, such as without memory. */
  onFailure(error: unknown): void;
}

interface Deadline {
  readonly limit: WaitLimit;
  timer: TimerHandle;
}

/**
 * Fills the gaps of a stream from the history of its provider. A `gap` is taken out of the stream, and the rows of its
 * symbol that come after it are held until the missing ones have come; other symbols go on. In place of the `gap`
 * stands a `backfilled`, behind the rows that were fetched. After `waitMax`, or once `rowsMax` rows are held, the `gap`
 * is told and the held rows follow; what the history would still have given is not asked for any more.
 */
export class Backfill {
  readonly #parts: BackfillParts;
  readonly #rules: BackfillRules;
  readonly #pool: BatchPool;
  readonly #batches: GrowingBatches;
  readonly #delivered: DeliveredRows;
  readonly #fetchedTimes: FetchedTimes;
  readonly #outlet: RowOutlet;
  readonly #slots: HistorySlots<HistoryPages>;
  /** By index of the symbol. Those that were begun first are first. */
  readonly #open = new Map<number, SymbolBackfill>();
  readonly #deadlines = new Map<SymbolBackfill, Deadline>();
  /** When the last page came, or rows that are ready were taken. On the monotonic clock. */
  #movedAt = 0n;
  readonly #running = new Set<Promise<void>>();
  readonly #shared: SharedHoles;
  #ids: readonly number[] = [];
  #whenTaken: (() => void)[] = [];
  #pages = 0;
  #rowsFetched = 0;
  #filled = 0;
  #rowsEverHeld = 0;
  #givenUp = 0;
  #isStopped = false;

  constructor(parts: BackfillParts) {
    const { schema, symbols, dictionaries, batchRows, check, isExact, rowsMax, maxDelayNs, clock } = parts;
    this.#parts = parts;
    this.#pool = new BatchPool(schema, batchRows, dictionaries);
    // The rows that wait are counted once for each batch. One more is kept of those that were taken.
    this.#batches = new GrowingBatches(schema, dictionaries, 16, Math.max(16, rowsMax + batchRows + 1));
    this.#delivered = new DeliveredRows(schema, symbols.length, { maxDelayNs, clock });
    this.#fetchedTimes = new FetchedTimes(BigInt(maxDelayNs));
    this.#outlet = new RowOutlet(this.#pool, this.#delivered);
    this.#shared = new SharedHoles(check);
    this.#slots = new HistorySlots(AT_ONCE, () => parts.newPages());
    this.#rules = {
      timeAt: columnIndex(schema, 'time'),
      untimedAt: columnIndex(schema, 'untimed'),
      numberAt: check ? columnIndex(schema, 'sequence') : -1,
      isExact: check !== undefined && isExact,
      maxDelayNs: BigInt(maxDelayNs),
      barNs: BigInt(schema.barNs ?? 0),
      rowsMax: Math.max(16, rowsMax),
      batches: this.#batches,
      delivered: this.#delivered,
      fetchedTimes: this.#fetchedTimes,
      outlet: this.#outlet,
      showsMissing: check !== undefined && parts.showsMissing,
      subscribedAt: () => parts.subscribedAt(),
      skewNs: () => SKEW_NS + BigInt(Math.ceil(parts.skewMs() * 1e6)),
      onFetched: (id, number, time) => check?.fill(id, number, time),
    };
  }

  get delivered(): DeliveredRows {
    return this.#delivered;
  }

  /** The least instant that no watermark may pass. */
  get heldFrom(): bigint | undefined {
    let least = this.#outlet.heldFrom;
    for (const { heldFrom } of this.#open.values())
      if (least === undefined || heldFrom < least) least = heldFrom;
    return least;
  }

  /** How many rows have been held, with those that went on. */
  get rowsEverHeld(): number {
    return this.#rowsEverHeld;
  }

  /** Whether a gap is open. */
  get isFilling(): boolean {
    return this.#open.size > 0;
  }

  get trouble(): string | undefined {
    const { size } = this.#open;
    return size === 0 ? undefined : `rows of ${size} symbols wait for those that are missing`;
  }

  /** The stream begins. @param ids - Of each symbol, in the column `symbol`. */
  start(ids: readonly number[]): void {
    this.#ids = ids;
    this.#delivered.bind(ids);
  }

  /** All symbols may have had rows since an earlier start. @param since - The end of it, for those without a row. */
  restart(since: bigint): void {
    const begin = (index: number, from: bigint) =>
      this.#begin(index, { from, to: undefined, reason: RESTARTED });
    const withoutRow: number[] = [];
    for (let index = 0; index < this.#ids.length; index++) {
      const from = this.#delivered.timeOf(index);
      if (from === undefined) {
        withoutRow.push(index);
        continue;
      }
      if (!this.#parts.check) this.#fetchedTimes.begin(index, from, this.#delivered.rowsAtTime(index));
      begin(index, from);
    }
    // Rarely is anything missing of them.
    for (const index of withoutRow) begin(index, since);
  }

  /** Takes a batch whose numbers were checked. */
  pass(batch: Batch): void {
    const hasGap = batch.controls.some(({ record }) => record.type === 'gap');
    if (!hasGap && this.#open.size === 0 && this.#fetchedTimes.isEmpty) {
      this.#delivered.pass(batch, 0, batch.length);
      this.#outlet.put(batch);
      return;
    }
    try {
      this.#keepPassing(batch);
    } catch (error) {
      batch.release();
      throw error;
    }
    if (batch.isEmpty) batch.release();
    else this.#outlet.put(batch);
    this.#boundRows();
  }

  /** Holds the rows that have to wait, and takes out the gaps that will be filled. */
  #keepPassing(batch: Batch): void {
    const keep = new Uint8Array(batch.length).fill(1);
    let row = 0;
    batch.controls = batch.controls.filter((placed) => {
      row = this.#divide(batch, row, placed.row, keep);
      return !this.#takesGap(placed.record);
    });
    this.#divide(batch, row, batch.length, keep);
    retainRows(batch, keep);
  }

  /** What is to be read next. */
  take() {
    const next = this.#outlet.take();
    if (!next || this.#whenTaken.length === 0) return next;
    this.#movedAt = this.#parts.clock.now();
    for (const tell of this.#whenTaken.splice(0)) tell();
    return next;
  }

  /** Asks for nothing more. What is held stays. */
  stop(): void {
    this.#isStopped = true;
    for (const open of this.#open.values()) {
      this.#forgetDeadline(open);
      open.stop();
    }
  }

  /** Gives up what is missing, and lets go of what is held. */
  giveUp(why: string): void {
    for (const open of [...this.#open.values()]) this.#finish(open, why);
  }

  /** Lets go of what is held without a word: a restart has it again. */
  drop(): void {
    for (const open of [...this.#open.values()]) {
      this.#forget(open);
      open.drop();
    }
  }

  statistics(): StageStatistics {
    let rowsHeld = 0;
    let rowsFetched = this.#rowsFetched;
    for (const open of this.#open.values()) {
      rowsHeld += open.rowsHeld;
      rowsFetched += open.rowsFetched;
    }
    return {
      rowsHeld,
      rowsBackfilled: rowsFetched,
      gapsFilled: this.#filled,
      gapsGivenUp: this.#givenUp,
      backfillPages: this.#pages,
      ...(this.#parts.check === undefined && { rowsDuplicate: this.#fetchedTimes.used }),
    };
  }

  /** Resolves once no call is in progress. */
  async ended(): Promise<void> {
    this.drop();
    await Promise.allSettled([...this.#running, ...this.#slots.all.map(({ pulling }) => pulling)]);
  }

  release(): void {
    this.drop();
    this.#outlet.release();
    this.#pool.close();
    this.#batches.close();
    for (const { buffer } of this.#slots.all) buffer.release();
  }

  /** Lets rows of a batch through or holds them. @returns `to`. */
  #divide(batch: Batch, from: number, to: number, keep: Uint8Array): number {
    const ids = batch.int32('symbol');
    const times = batch.columns[this.#rules.timeAt] as Int32Array;
    const fetched = this.#fetchedTimes;
    for (let row = from; row < to; row++) {
      const index = this.#delivered.indexOf(ids[row]!);
      const open = this.#open.get(index);
      if (!fetched.isEmpty && fetched.use(index, readInt64(times, row))) keep[row] = 0;
      else if (open?.hold(batch, row)) {
        keep[row] = 0;
        this.#rowsEverHeld++;
      } else this.#delivered.pass(batch, row, row + 1);
    }
    return to;
  }

  /** @returns Whether a record is a gap that will be filled. */
  #takesGap(record: ControlRecord): boolean {
    if (record.type !== 'gap') return false;
    const { symbol, from, to, reason } = record;
    const gap = { from, to, reason, beginsAnew: this.#parts.check?.beginsAnew(record) === true };
    if (symbol === undefined) {
      this.#shared.add(record, this.#ids.keys());
      for (let index = 0; index < this.#ids.length; index++) this.#begin(index, gap);
      return true;
    }
    const index = this.#parts.symbols.indexOf(symbol);
    if (index >= 0) this.#begin(index, gap);
    return index >= 0;
  }

  #begin(index: number, gap: FilledGap): void {
    const known = this.#open.get(index);
    const { clock, symbols } = this.#parts;
    if (known) {
      known.extend(gap);
      this.#deadlines.get(known)?.limit.find(clock.now(), known.rowsEverHeld, known.rowsHeld);
      return;
    }
    const of = { index, id: this.#ids[index]!, symbol: symbols[index]! };
    const open = new SymbolBackfill(of, gap, this.#rules, clock.wall());
    this.#open.set(index, open);
    if (this.#isStopped) return; // it is given up with the next read
    const deadline: Deadline = { limit: new WaitLimit(clock.now()), timer: undefined };
    this.#deadlines.set(open, deadline);
    this.#arm(open, deadline, this.#waitMaxNs);
    const running = this.#fill(open);
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  get #waitMaxNs(): bigint {
    return BigInt(Math.ceil(this.#parts.waitMaxMs * 1e6));
  }

  #arm(open: SymbolBackfill, deadline: Deadline, delayNs: bigint): void {
    const { clock } = this.#parts;
    deadline.timer = clock.setTimeout(() => this.#atLimit(open, deadline), toMillisCeil(delayNs as Nanos));
  }

  /** The time in which its history waits for those of others, or for a reader, does not count as long as these move on. */
  #atLimit(open: SymbolBackfill, deadline: Deadline): void {
    const { clock, waitMaxMs } = this.#parts;
    const { limit } = deadline;
    const waits = limit.since(open.rowsEverHeld, open.rowsHeld);
    const since = limit.isIdle && this.#movedAt > waits ? this.#movedAt : waits;
    const leftNs = since + this.#waitMaxNs - clock.now();
    if (leftNs > 0n) this.#arm(open, deadline, leftNs);
    else this.#finish(open, `not fetched within ${waitMaxMs} ms`);
  }

  /** Waits for something without which the history cannot be asked. */
  async #pause<Result>(open: SymbolBackfill, wait: Promise<Result>): Promise<Result> {
    const { clock } = this.#parts;
    this.#deadlines.get(open)?.limit.pause(clock.now());
    const result = await wait;
    this.#deadlines.get(open)?.limit.goOn(this.#movedAt);
    return result;
  }

  #finish(open: SymbolBackfill, why: string | undefined): void {
    if (open.isOver) return;
    const { log, eventTimeNow, onReady, onFailure } = this.#parts;
    this.#forget(open);
    try {
      open.finish(why, eventTimeNow());
      for (const record of this.#shared.end(open.of.index)) this.#outlet.control(record);
      this.#outlet.flush(open.heldFrom);
    } catch (error) {
      open.drop();
      onFailure(error);
      return;
    }
    this.#rowsFetched += open.rowsFetched;
    if (why === undefined) this.#filled++;
    else {
      this.#givenUp++;
      log.warn({ symbol: open.of.symbol, rowsFetched: open.rowsFetched, why }, 'a gap was not filled');
    }
    onReady();
  }

  #forget(open: SymbolBackfill): void {
    this.#open.delete(open.of.index);
    this.#forgetDeadline(open);
  }

  #forgetDeadline(open: SymbolBackfill): void {
    this.#parts.clock.clearTimeout(this.#deadlines.get(open)?.timer);
    this.#deadlines.delete(open);
  }

  /** Those that were begun first give up first. */
  #boundRows(): void {
    const { rowsMax } = this.#parts;
    let rows = 0;
    for (const open of this.#open.values()) rows += open.rowsHeld;
    for (const open of [...this.#open.values()]) {
      if (rows <= rowsMax) return;
      rows -= open.rowsHeld;
      this.#finish(open, `more than ${rowsMax} rows wait`);
    }
  }

  /** Asks the history again and again until the gap is filled. Never rejects. */
  async #fill(open: SymbolBackfill): Promise<void> {
    await null; // the rest of the batch that the gap is in comes first
    const { signal } = open;
    for (let waitMs = RETRY_MS; !open.isOver; waitMs = Math.min(RETRY_MS_MAX, 2 * waitMs)) {
      const pages = await this.#pause(open, this.#slots.take(signal));
      if (!pages) return;
      try {
        if (await this.#round(open, pages)) this.#finish(open, undefined);
      } catch (error) {
        this.#finish(open, cutText(messageOf(error), REASON_CHARS_MAX));
      } finally {
        this.#giveBack(pages);
      }
      if (!open.isOver) await sleep(this.#parts.clock, millis(waitMs), signal);
    }
  }

  /** What a page left goes to nobody else. Once a call that was aborted has ended, another one may take its place. */
  #giveBack(pages: HistoryPages): void {
    const { buffer, isPulling, pulling } = pages;
    buffer.clear();
    const giveBack = () => {
      if (!buffer.failure) return this.#slots.giveBack(pages);
      buffer.release();
      this.#slots.drop(pages);
    };
    if (isPulling) void pulling?.then(giveBack, giveBack);
    else giveBack();
  }

  /** @returns Whether the history reaches past the gap. */
  async #round(open: SymbolBackfill, pages: HistoryPages): Promise<boolean> {
    const { clock, lagMs, oldestMs } = this.#parts;
    if (open.isComplete) return true;
    const wall = clock.wall();
    const span = open.span(wall);
    const fromMs = Math.max(span.fromMs, oldestMs(Number(wall / 1_000_000n)));
    if (fromMs > span.fromMs) open.cutAt(BigInt(fromMs) * 1_000_000n);
    if (fromMs >= span.toMs) return false;
    const check = new PageCheck(pages.buffer.schema, open.of.id, fromMs, span.toMs);
    const cursors = new CursorRound();
    open.beginRound(wall);
    for (let cursor: PlainData = null; ; ) {
      if (!this.#hasRoomAhead) await this.#pause(open, this.#roomAhead(open.signal));
      const page = { symbol: open.of.symbol, fromMs, toMs: span.toMs, cursor };
      const next = await pages.pull(page, check, open.signal);
      if (next === undefined || open.isOver) {
        pages.buffer.clear();
        return false;
      }
      this.#pages++;
      this.#movedAt = clock.now();
      let isReached = this.#merge(open, pages);
      const reachesTo =
        lagMs === undefined ? undefined : wall - this.#rules.barNs - BigInt(Math.ceil(lagMs * 1e6));
      if (!isReached && next === null) isReached = open.endOfHistory(reachesTo ?? NEVER);
      this.#outlet.flush(open.heldFrom);
      this.#parts.onReady();
      if (isReached || next === null) return isReached;
      if (cursors.isClosedBy(next, cursor)) {
        throw pages.protocol('another cursor behind each page');
      }
      cursor = next;
    }
  }

  #merge(open: SymbolBackfill, { buffer }: HistoryPages): boolean {
    let isReached = false;
    for (let page = buffer.take(); page; page = buffer.take()) {
      const batches = [page];
      try {
        const rows = this.#asStreamed(page);
        batches.push(rows);
        if (!isReached) isReached = open.merge(rows);
      } finally {
        releaseAll(batches);
      }
    }
    return isReached;
  }

  /** The rows of a history with the columns of the stream, which are among its own. */
  #asStreamed(page: Batch): Batch {
    const { schema } = this.#parts;
    const columns = schema.columns.map(({ name }) => columnIndex(page.schema, name));
    const rows = this.#batches.acquire(Math.max(1, page.length));
    gatherRows(page, selectionOf(page), page.length, rows, columns);
    return rows;
  }

  get #hasRoomAhead(): boolean {
    return this.#outlet.rows <= BATCHES_AHEAD * this.#parts.batchRows;
  }

  async #roomAhead(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#hasRoomAhead) {
      const taken = new Promise<void>((resolve) => this.#whenTaken.push(resolve));
      await orAborted(taken, signal);
    }
  }
}

/** Nobody says how far the history reaches. */
const NEVER = -(2n ** 63n);

const RESTARTED = 'restart: rows that came meanwhile are missing';
