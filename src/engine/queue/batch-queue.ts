import type { Batch } from '../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../columns/control-record.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { bytesPerRow, type Schema } from '../../columns/schema.js';
import type { PipelineError } from '../../core/errors.js';
import { invariant, unreachable } from '../../core/invariant.js';
import type { OverflowPolicy } from '../../settings/overflow-policy.js';
import { conflateBatches } from './conflate-batches.js';
import { batchOf, dropOldest } from './drop-oldest.js';
import { recordsWithoutRows } from './dropped-rows.js';
import { BatchJoiner } from './join-batches.js';
import { LatestRows } from './latest-rows.js';
import { type QueueLimits, queueFull } from './queue-bounds.js';
import { type BatchMaking, CONTROLS_MAX, type WaitingBatch } from './waiting-batch.js';
import { DROPPED_REASONS } from './waiting-controls.js';

export interface BatchQueueSettings {
  readonly limits: QueueLimits;
  /** What is done with a batch for which there is no room. */
  readonly policy: OverflowPolicy;
  /** Schema of the batches. */
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  /** Names the queue in errors. */
  readonly title: string;
  /**
   * Small batches that wait are copied into larger ones, of up to so many rows. 0: each batch stays as it is.
   * Default: a 16th of `limits.rows`, at most 4,096.
   */
  readonly mergeRows?: number;
}

/** How many rows a queue has left out. */
export interface QueueDrops {
  /** Replaced by a later row of their symbol. */
  readonly conflated: number;
  readonly droppedOldest: number;
  readonly droppedNewest: number;
}

const MERGE_ROWS_MAX = 4_096;

/**
 * Batches that wait in order, with bounds in batches, rows and bytes, and an overflow policy. It has one
 * owner in one thread.
 *
 * Control records are never dropped. Those of rows that are left out move to what follows. Columns of
 * batches that were put are only read: what has to change is copied.
 *
 * @typeParam Note - What is kept beside each batch. Where batches become one, the earliest note stays.
 */
export class BatchQueue<Note = void> {
  readonly #settings: BatchQueueSettings;
  readonly #joiner: BatchJoiner;
  readonly #rowBytes: number;
  readonly #latest: LatestRows | undefined;
  readonly #making: BatchMaking;
  readonly #drops = { conflated: 0, droppedOldest: 0, droppedNewest: 0 };
  #entries: WaitingBatch<Note>[] = [];
  #rows = 0;
  #bytes = 0;
  #seal = 0;
  /** Conflation is not tried again with fewer rows: with very many symbols, it would free next to nothing. */
  #conflateAgainRows = 0;

  /** @throws {InvalidOptionsError} if rows of the schema cannot be conflated and the policy says so. */
  constructor(settings: BatchQueueSettings) {
    this.#settings = settings;
    const { limits, policy, schema, dictionaries, title, mergeRows } = settings;
    const checkControls = (controls: readonly PlacedControl[]) => this.#checkControls(controls);
    this.#making = { schema, dictionaries, checkControls };
    const rowsMax = mergeRows ?? Math.max(1, Math.min(MERGE_ROWS_MAX, limits.rows >> 4));
    this.#joiner = new BatchJoiner({ ...this.#making, rowsMax });
    this.#rowBytes = bytesPerRow(schema);
    if (policy === 'conflate') this.#latest = new LatestRows(schema, title);
  }

  /** Whether a batch can be put without leaving anything out. An empty queue has room for one of any size. */
  get hasRoom(): boolean {
    const { batches, rows, bytes } = this.#settings.limits;
    if (this.#rows === 0) return true;
    return this.#entries.length < batches && this.#rows < rows && this.#bytes < bytes;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  /** Bytes of the batches that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Batches that wait. */
  get batches(): number {
    return this.#entries.length;
  }

  get drops(): QueueDrops {
    return this.#drops;
  }

  /** All rows that it has left out so far. */
  get rowsLeftOut(): number {
    const { conflated, droppedOldest, droppedNewest } = this.#drops;
    return conflated + droppedOldest + droppedNewest;
  }

  /** The note of the batch that is taken next. */
  get firstNote(): Note | undefined {
    return this.#entries[0]?.note;
  }

  /**
   * Puts a batch at the end and takes ownership of it. Without room, the policy decides: `block` must not
   * get here. A batch without rows always has room.
   *
   * @throws {PipelineError} `QUEUE_FULL` with the policy `fail`, or if control records pile up;
   *   `MEMORY_EXHAUSTED`. The batch is then released and nothing of it is in the queue: whoever gave it may
   *   read its rows again. Older rows may have been dropped for it, and are counted.
   */
  put(batch: Batch, note: Note): void {
    invariant(batch.selection === undefined, 'the rows of a batch in a queue stand together');
    if (batch.isEmpty) {
      batch.release();
      return;
    }
    try {
      if (batch.length === 0 || this.hasRoom) this.#append(batch, note);
      else this.#putIntoFull(batch, note);
    } catch (error) {
      batch.release();
      throw error;
    }
  }

  /** Takes the batch, or throws before it has changed anything of it. */
  #putIntoFull(batch: Batch, note: Note): void {
    const { policy } = this.#settings;
    switch (policy) {
      case 'block':
        invariant(false, 'a batch is put into a queue that blocks when there is room');
        break;
      case 'fail':
        throw this.#full('of rows');
      case 'conflate':
        if (this.#rows + batch.length < this.#conflateAgainRows) this.#append(batch, note);
        else this.#conflateWith(batch, note);
        break;
      case 'drop-oldest':
        this.#append(batch, this.#dropForRoom(note));
        break;
      case 'drop-newest':
        this.#dropNewest(batch, note);
        break;
      default:
        unreachable(policy);
    }
  }

  /** Takes the first batch, owned by the caller from now on. */
  take(): { readonly batch: Batch; readonly note: Note } | undefined {
    const entry = this.#entries.shift();
    if (!entry) return undefined;
    this.#count(entry.batch, -1);
    return { batch: entry.batch, note: entry.note };
  }

  /**
   * Seals what waits: nothing moves across the seal. What is put later stays apart, and what is told of rows
   * that are left out before it stands before it.
   *
   * @returns The seal, for `hasPassed`.
   */
  seal(): number {
    return ++this.#seal;
  }

  /** Whether everything before a seal was taken. */
  hasPassed(seal: number): boolean {
    const first = this.#entries[0];
    return first === undefined || first.seal >= seal;
  }

  /** Takes back the last seal: what stands before and behind it may become one again. */
  unseal(): void {
    const entries = this.#entries;
    const at = entries.findIndex(({ seal }) => seal === this.#seal);
    for (const entry of entries) entry.seal = this.#seal;
    if (at > 0) this.#joinWithNext(at - 1);
  }

  /** Releases all batches. */
  release(): void {
    for (const { batch } of this.#entries.splice(0)) batch.release();
    this.#rows = 0;
    this.#bytes = 0;
  }

  /** Releases all batches, and the memory that it keeps for others, while the pipeline goes on without it. */
  close(): void {
    this.release();
    this.#joiner.close();
  }

  /** Takes the batch, or throws before it has changed anything of it. */
  #append(batch: Batch, note: Note): void {
    const tail = this.#tail();
    if (tail && this.#joiner.fits(tail.batch, batch)) this.#join(tail, batch);
    else this.#push({ batch, note, seal: this.#seal, isOwn: false });
  }

  /** The last batch, if others may become one with it. */
  #tail(): WaitingBatch<Note> | undefined {
    const last = this.#entries.at(-1);
    return last?.seal === this.#seal ? last : undefined;
  }

  #push(entry: WaitingBatch<Note>): void {
    this.#entries.push(entry);
    this.#count(entry.batch, 1);
  }

  /** Adds a batch to an entry. */
  #join(entry: WaitingBatch<Note>, batch: Batch): void {
    const { length, capacity } = entry.batch;
    try {
      this.#joiner.join(entry, batch);
    } finally {
      this.#recount(entry.batch, length, capacity);
    }
  }

  /** Makes one batch of two that stood apart, unless that would be too large or there is no memory for it. */
  #joinWithNext(at: number): void {
    const [entry, { batch }] = [this.#entries[at]!, this.#entries[at + 1]!];
    const { batch: before } = entry;
    if (!this.#joiner.hasRoomForControls(before, batch) || !this.#joiner.fits(before, batch)) return;
    const { length, capacity } = before;
    try {
      if (length > 0 && batch.length > 0) this.#joiner.makeRoom(entry, batch.length);
    } catch {
      return; // nothing is lost: they go on as two
    }
    this.#recount(entry.batch, length, capacity);
    this.#entries.splice(at + 1, 1);
    this.#count(batch, -1);
    this.#join(entry, batch);
  }

  /** Drops old rows. @returns The note of what is put next: that of dropped rows of which nothing is left. */
  #dropForRoom(note: Note): Note {
    let noteOfNew = note;
    while (!this.hasRoom) {
      const { dropped, left, note: next } = dropOldest(this.#entries, noteOfNew, this.#making);
      noteOfNew = next;
      if (left) this.#count(left, 1);
      this.#drops.droppedOldest += dropped.length;
      this.#count(dropped, -1);
      dropped.release();
    }
    return noteOfNew;
  }

  #dropNewest(batch: Batch, note: Note): void {
    const records = recordsWithoutRows(batch, DROPPED_REASONS['drop-newest']);
    if (records.length > 0) this.#appendRecords(records, note);
    this.#drops.droppedNewest += batch.length;
    batch.release();
  }

  #appendRecords(records: readonly ControlRecord[], note: Note): void {
    const batch = batchOf(records, this.#making);
    try {
      this.#append(batch, note);
    } catch (error) {
      batch.release();
      throw error;
    }
  }

  /** Puts a batch, and keeps the latest row of each symbol, and one batch between two seals. */
  #conflateWith(batch: Batch, note: Note): void {
    const all = [...this.#entries, { batch, note, seal: this.#seal, isOwn: false }];
    const conflated = conflateBatches(all, this.#latest!, this.#making);
    const before = this.#rows + batch.length;
    this.release();
    batch.release();
    for (const entry of conflated) {
      if (entry.batch.isEmpty) entry.batch.release();
      else this.#push(entry);
    }
    this.#drops.conflated += before - this.#rows;
    this.#conflateAgainRows = this.hasRoom ? 0 : 2 * this.#rows;
  }

  #count(batch: Batch, sign: 1 | -1): void {
    this.#rows += sign * batch.length;
    this.#bytes += sign * batch.capacity * this.#rowBytes;
  }

  /** Counts the batch of an entry anew. */
  #recount(batch: Batch, lengthBefore: number, capacityBefore: number): void {
    this.#rows += batch.length - lengthBefore;
    this.#bytes += (batch.capacity - capacityBefore) * this.#rowBytes;
  }

  #checkControls(controls: readonly PlacedControl[]): void {
    if (controls.length > CONTROLS_MAX) throw this.#full(`of control records (${CONTROLS_MAX} in one batch)`);
  }

  #full(what: string): PipelineError {
    return queueFull(what, this, this.#settings);
  }
}
