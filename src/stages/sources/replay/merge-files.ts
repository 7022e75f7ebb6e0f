import type { Batch } from '../../../columns/batch.js';
import { HeadTree } from '../../../columns/merging/head-tree.js';
import { MergedRows, type SlotRows } from '../../../columns/merging/merged-rows.js';
import { eventTimeIndex } from '../../../columns/schema.js';
import { invariant } from '../../../core/invariant.js';
import { DueFiles } from './due-files.js';
import type { FileCursor, FileReading } from './file-cursor.js';
import type { TimedFile } from './files-in-time.js';
import { openCursor } from './open-cursor.js';
import { type ReadSizes, readSizes } from './read-sizes.js';
import type { OpenFile } from './replay-position.js';
import { type LinedRows, LinesInFiles, originInFile } from './row-lines.js';

/** Rows taken one by one from the same file before the length of its run is determined. */
const STREAK = 4;
/** Length from which consecutive rows are copied as a run. */
const RUN_ROWS_MIN = 16;
/** A block that is less full than this is copied, so that many small files do not make many small batches. */
const WHOLE_FILL_MIN = 0.25;

/** Stands in for the times of rows without times; then only one file is open. */
const NO_TIMES = new Int32Array(2);

export interface MergeSettings {
  /** Sorted by first time. */
  readonly files: readonly TimedFile[];
  /** Paths by rank. */
  readonly paths: readonly string[];
  /**
   * How long before its first time a file is opened; `undefined` opens each file after the end of the
   * previous one.
   */
  readonly maxDelayNs: bigint | undefined;
  /** Number of files that an earlier run began; `open` are those of them that were still open. */
  readonly begun: number;
  readonly open: readonly OpenFile[];
}

/**
 * Merges the rows of files into one stream: always the earliest of all next rows or, among equal ones,
 * the row of the file listed first. A file is opened when the stream reaches its first time. A block
 * whose rows no other file interrupts is passed on as it was decoded; other rows are gathered into
 * batches.
 *
 * Only next rows are compared. So a file may be out of order by as much as it promises, and the stream is
 * then out of order by the same amount.
 */
export class FileMerge {
  readonly #settings: MergeSettings;
  readonly #reading: FileReading;
  /** Index of the column `time`; −1 if rows have none. */
  readonly #time: number;
  readonly #rows: MergedRows<SlotRows & LinedRows>;
  readonly #due: DueFiles;
  #resumed: readonly OpenFile[];
  /** A file that was opened but has no decoded row yet. */
  #opening: { readonly cursor: FileCursor; readonly number: number } | undefined;
  #tree = new HeadTree(1);
  /** Indexed by slot of the tree. */
  readonly #cursors: (FileCursor | undefined)[] = [];
  readonly #numbers: number[] = [];
  readonly #times: Int32Array[] = [];
  #next = new Int32Array(1);
  #ends = new Int32Array(1);
  readonly #freeSlots: number[] = [0];
  #openCount = 0;
  /** Rows from this time on are not delivered yet. */
  #boundHigh = 0;
  #boundLow = 0;
  #hasBegunFile = false;
  /** Files that are being closed while others are read. */
  readonly #closing = new Set<Promise<void>>();

  constructor(settings: MergeSettings, reading: FileReading) {
    this.#settings = settings;
    this.#reading = reading;
    const { schema, context } = reading;
    this.#time = eventTimeIndex(schema);
    this.#rows = new MergedRows<SlotRows & LinedRows>(
      new LinesInFiles(settings.paths, context.batchRows),
      context.batchRows,
    );
    this.#due = new DueFiles(settings.files, settings.maxDelayNs, settings.begun);
    this.#resumed = settings.open;
  }

  /** How many files were begun: the first ones in order. */
  get begun(): number {
    return this.#due.begun;
  }

  get filesOpen(): number {
    return this.#openCount + this.#resumed.length + (this.#opening ? 1 : 0);
  }

  /** Whether a file was begun since the last call. */
  takeBegun(): boolean {
    const hasBegun = this.#hasBegunFile;
    this.#hasBegunFile = false;
    return hasBegun;
  }

  /** The open files, each with the position of its next row. */
  open(): OpenFile[] {
    const open = [...this.#resumed];
    const add = (cursor: FileCursor, file: number) =>
      open.push({ file, path: cursor.file.path, position: cursor.position() });
    for (const [slot, cursor] of this.#cursors.entries()) {
      if (!cursor) continue;
      cursor.next = this.#next[slot]!;
      add(cursor, this.#numbers[slot]!);
    }
    if (this.#opening) add(this.#opening.cursor, this.#opening.number);
    return open;
  }

  /** The time column and index of the next row, after `ready` found one. */
  head(): { readonly times: Int32Array; readonly row: number } {
    const slot = this.#tree.winner;
    return { times: this.#times[slot]!, row: this.#next[slot]! };
  }

  /**
   * Finds the next row.
   *
   * @returns `false` at the end and after a stop.
   */
  async ready(): Promise<boolean> {
    for (;;) {
      if (this.#reading.isStopped()) return false;
      if (this.#opening) {
        await this.#admit(this.#opening.cursor, this.#opening.number);
        continue;
      }
      if (this.#resumed.length > 0) {
        await this.#reopen(this.#resumed);
        continue;
      }
      const slot = this.#tree.winner;
      if (slot >= 0 && this.#next[slot] === this.#ends[slot]) {
        await this.#refill(slot);
        continue;
      }
      if (this.#isNextDue()) await this.#openNext();
      else return slot >= 0;
    }
  }

  /**
   * Reads the next rows, as many as fit in a batch.
   *
   * @param limitNs - Only rows up to this time; there must be at least one.
   */
  async read(limitNs?: bigint): Promise<Batch | null> {
    const rows = this.#rows;
    try {
      while (await this.ready()) {
        // A file that does not continue where the last one ended may have its own schedule.
        if (rows.isOpen && limitNs !== undefined && this.#hasBegunFile) break;
        this.#setBound(limitNs);
        if (this.#isBlockNext()) {
          if (rows.isOpen) break;
          return this.#takeBlock();
        }
        if (!rows.isOpen) rows.begin(this.#reading.blocks.acquire(this.#reading.context.batchRows));
        this.#select();
        this.#closeIfDone();
        if (rows.room === 0 || (limitNs !== undefined && this.#isAtLimit())) break;
      }
    } catch (error) {
      // Rows from before the error are delivered first; the next call fails again.
      const before = rows.finish();
      if (before) return before;
      throw error;
    }
    return rows.finish() ?? null;
  }

  async close(): Promise<void> {
    this.#rows.finish()?.release();
    const cursors = [...this.#cursors, this.#opening?.cursor];
    this.#cursors.length = 0;
    this.#opening = undefined;
    const closing = [...cursors.map((cursor) => cursor?.close()), ...this.#closing];
    // A failed close must not keep other files open.
    for (const closed of await Promise.allSettled(closing)) {
      if (closed.status === 'rejected') throw closed.reason;
    }
  }

  #sizes(): ReadSizes {
    const { context, schema } = this.#reading;
    return readSizes(this.filesOpen + this.#due.toCome, context.batchRows, schema);
  }

  /** Whether the next file that was not begun has to be open now. */
  #isNextDue(): boolean {
    const { winner, high, low } = this.#tree;
    if (winner < 0) return this.#due.next !== undefined;
    return this.#due.isDue(high[winner]!, low[winner]!);
  }

  async #openNext(): Promise<void> {
    this.#due.look();
    const cursor = await openCursor(this.#due.next!, this.#reading, this.#sizes(), undefined);
    if (!cursor) return;
    this.#opening = { cursor, number: this.#due.begin() };
    this.#hasBegunFile = true;
  }

  async #reopen(resumed: readonly OpenFile[]): Promise<void> {
    const { file, position } = resumed[0]!;
    const cursor = await openCursor(this.#settings.files[file]!, this.#reading, this.#sizes(), position);
    if (!cursor) return;
    this.#resumed = resumed.slice(1);
    this.#opening = { cursor, number: file };
    this.#hasBegunFile = true;
  }

  /** Adds a newly opened file to the merge. */
  async #admit(cursor: FileCursor, number: number): Promise<void> {
    const hasRow = await cursor.fill(this.#sizes().rows);
    if (!hasRow && this.#reading.isStopped()) return;
    if (hasRow) {
      if (this.#freeSlots.length === 0) this.#grow();
      const slot = this.#freeSlots.pop()!;
      this.#cursors[slot] = cursor;
      this.#numbers[slot] = number;
      this.#openCount++;
      this.#takeIn(slot, cursor);
    } else this.#closeMeanwhile(cursor);
    this.#opening = undefined;
  }

  async #refill(slot: number): Promise<void> {
    const cursor = this.#cursors[slot]!;
    this.#rows.copyNoted(); // its block is about to be released
    cursor.next = this.#next[slot]!;
    if (await cursor.fill(this.#sizes().rows)) this.#takeIn(slot, cursor);
    else if (!this.#reading.isStopped()) this.#leave(slot, cursor);
    else this.#next[slot] = this.#ends[slot] = 0;
  }

  /** Makes the block that a file has decoded the current block of its slot. */
  #takeIn(slot: number, cursor: FileCursor): void {
    const { block, next, lines, step, file } = cursor;
    invariant(block !== undefined, 'a file that has a row has decoded it');
    this.#next[slot] = next;
    this.#ends[slot] = block.length;
    this.#rows.setSlot(slot, { block, next, lines, step, rank: file.rank });
    const times = this.#time < 0 ? NO_TIMES : (block.columns[this.#time] as Int32Array);
    this.#times[slot] = times;
    this.#tree.put(slot, file.rank, times, this.#time < 0 ? 0 : next);
  }

  #closeIfDone(): void {
    const slot = this.#tree.winner;
    const cursor = this.#cursors[slot];
    if (!cursor || cursor.hasMore || this.#next[slot] !== this.#ends[slot]) return;
    this.#rows.copyNoted();
    this.#leave(slot, cursor);
  }

  /** Removes the winner, which is at its end. */
  #leave(slot: number, cursor: FileCursor): void {
    this.#tree.remove();
    this.#cursors[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#openCount--;
    this.#closeMeanwhile(cursor);
  }

  /** A file that was read to its end is closed in the background; a failure to close it does no harm. */
  #closeMeanwhile(cursor: FileCursor): void {
    const closing = cursor
      .close()
      .catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #grow(): void {
    const before = this.#tree.slots;
    this.#tree = this.#tree.grown();
    for (let slot = this.#tree.slots - 1; slot >= before; slot--) this.#freeSlots.push(slot);
    this.#next = grown(this.#next);
    this.#ends = grown(this.#ends);
  }

  /**
   * Sets the bound for rows: the limit, or the time at which the next file has to be opened, whichever is
   * earlier.
   */
  #setBound(limitNs: bigint | undefined): void {
    const { opensAt } = this.#due;
    let bound = limitNs === undefined ? undefined : limitNs + 1n;
    if (opensAt !== undefined && (bound === undefined || opensAt < bound)) bound = opensAt;
    this.#boundHigh = bound === undefined ? Number.POSITIVE_INFINITY : Number(bound >> 32n);
    this.#boundLow = bound === undefined ? 0 : Number(bound & 0xffff_ffffn);
  }

  #isAtLimit(): boolean {
    const { winner, high, low } = this.#tree;
    if (winner < 0 || this.#next[winner] === this.#ends[winner]) return false;
    return !isBelow(high[winner]!, low[winner]!, this.#boundHigh, this.#boundLow);
  }

  /** Whether the next rows are a whole block, uninterrupted by rows of other files. */
  #isBlockNext(): boolean {
    const { batchRows } = this.#reading.context;
    const slot = this.#tree.winner;
    const block = this.#cursors[slot]?.block;
    if (!block || this.#next[slot] !== 0 || block.capacity !== batchRows) return false;
    return block.length >= batchRows * WHOLE_FILL_MIN && this.#runEnd(slot) === block.length;
  }

  #takeBlock(): Batch {
    const slot = this.#tree.winner;
    const cursor = this.#cursors[slot]!;
    const block = cursor.block!;
    cursor.block = undefined;
    cursor.next = this.#next[slot] = this.#ends[slot]!;
    block.origin = originInFile(cursor.file.path, cursor.lines, block.length, cursor.step);
    this.#closeIfDone();
    return block;
  }

  /** End of the run of rows that the winner can deliver before the bound and before any other file. */
  #runEnd(slot: number): number {
    const tree = this.#tree;
    const end = this.#ends[slot]!;
    let high = this.#boundHigh;
    let low = this.#boundLow;
    const other = this.#openCount === 1 ? -1 : tree.runnerUp();
    if (other >= 0 && isBelow(tree.high[other]!, tree.low[other]!, high, low)) {
      high = tree.high[other]!;
      low = tree.low[other]! + (tree.ranksBefore(slot, other) ? 1 : 0);
    }
    if (high === Number.POSITIVE_INFINITY) return end;
    const times = this.#times[slot]!;
    for (let row = this.#next[slot]!; row < end; row++) {
      const rowHigh = times[2 * row + 1]!;
      if (rowHigh < high) continue; // true for most rows
      if (rowHigh > high || times[2 * row]! >>> 0 >= low) return row;
    }
    return end;
  }

  /** Notes or copies rows until the batch is full, the bound is reached, or a file needs its next block. */
  #select(): void {
    const tree = this.#tree;
    const rows = this.#rows;
    const { slotOf } = rows;
    const next = this.#next;
    const boundHigh = this.#boundHigh;
    const boundLow = this.#boundLow;
    let last = -1;
    let streak = this.#openCount === 1 ? STREAK : 0;
    for (let room = rows.room; room > 0; ) {
      const slot = tree.winner;
      if (!isBelow(tree.high[slot]!, tree.low[slot]!, boundHigh, boundLow)) return;
      if (slot !== last && last >= 0) streak = 0;
      last = slot;
      const row = next[slot]!;
      let end = row + 1;
      if (++streak > STREAK) {
        end = Math.min(this.#runEnd(slot), row + room);
        streak = 0;
      }
      if (end - row >= RUN_ROWS_MIN) rows.addRun(slot, end);
      else for (let at = row; at < end; at++) slotOf[rows.noted++] = slot;
      room -= end - row;
      next[slot] = end;
      if (end === this.#ends[slot]) return;
      if (this.#time >= 0) tree.next(this.#times[slot]!, end);
    }
  }
}

const isBelow = (high: number, low: number, boundHigh: number, boundLow: number): boolean =>
  high < boundHigh || (high === boundHigh && low < boundLow);

function grown(before: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * before.length);
  larger.set(before);
  return larger;
}
