import { appendRows, Batch, releaseAll } from '../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../columns/control-record.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { gatherRows } from '../../columns/gather-rows.js';
import { GrowingBatches } from '../../columns/growing-batches.js';
import { appendOrigin } from '../../columns/joined-origin.js';
import { bytesPerRow, type Schema } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { invariant, unreachable } from '../../core/invariant.js';
import type { OverflowPolicy } from '../../settings/overflow-policy.js';
import { recordsWithoutRows } from './dropped-rows.js';
import { LatestRows } from './latest-rows.js';
import { appendControl, DROPPED_REASONS } from './waiting-controls.js';

/** The bounds of a queue. It is full when it has reached one of them, so it exceeds them by at most a batch. */
export interface QueueLimits {
  readonly batches: number;
  readonly rows: number;
  /** Of the memory of the batches, with the rows that they have room for. */
  readonly bytes: number;
}

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
const SMALLEST_ROWS = 64;
/** Control records in one batch: they are never dropped, and somebody must notice if they pile up. */
const CONTROLS_MAX = 65_536;

interface Entry<Note> {
  batch: Batch;
  note: Note;
  seal: number;
  /** Whether the queue made the batch itself and may append to it. */
  isOwn: boolean;
}

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
  readonly #mergeRows: number;
  readonly #rowBytes: number;
  readonly #latest: LatestRows | undefined;
  readonly #drops = { conflated: 0, droppedOldest: 0, droppedNewest: 0 };
  #entries: Entry<Note>[] = [];
  #rows = 0;
  #bytes = 0;
  #seal = 0;
  /** Conflation is not tried again with fewer rows: with very many symbols, it would free next to nothing. */
  #conflateAgainRows = 0;
  #growing: GrowingBatches | undefined;

  /** @throws {InvalidOptionsError} if rows of the schema cannot be conflated and the policy says so. */
  constructor(settings: BatchQueueSettings) {
    this.#settings = settings;
    const { limits, policy, schema, title, mergeRows } = settings;
    this.#mergeRows = mergeRows ?? Math.max(1, Math.min(MERGE_ROWS_MAX, limits.rows >> 4));
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
   * Draws a line behind what waits: nothing moves across it. What is put later stays apart, and what is told
   * of rows that are left out before it stands before it.
   *
   * @returns The line, for `hasPassed`.
   */
  seal(): number {
    return ++this.#seal;
  }

  /** Whether everything before a line was taken. */
  hasPassed(line: number): boolean {
    const first = this.#entries[0];
    return first === undefined || first.seal >= line;
  }

  /** Takes back the line that was drawn last: what stands before and behind it may become one again. */
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

  /** Takes the batch, or throws before it has changed anything of it. */
  #append(batch: Batch, note: Note): void {
    const tail = this.#tail();
    if (tail && (batch.length === 0 || tail.batch.length === 0)) this.#joinControls(tail, batch);
    else if (tail && tail.batch.length + batch.length <= this.#mergeRows) this.#merge(tail, batch);
    else this.#push({ batch, note, seal: this.#seal, isOwn: false });
  }

  /** The last batch, if others may become one with it. */
  #tail(): Entry<Note> | undefined {
    const last = this.#entries.at(-1);
    return last?.seal === this.#seal ? last : undefined;
  }

  #push(entry: Entry<Note>): void {
    this.#entries.push(entry);
    this.#count(entry.batch, 1);
  }

  /** Makes one of two batches, at least one of which has no rows. */
  #joinControls(tail: Entry<Note>, batch: Batch): void {
    const { batch: before } = tail;
    const controls = this.#joined(before, batch);
    this.#count(before, -1);
    const [kept, spent] = batch.length > 0 ? [batch, before] : [before, batch];
    kept.controls = controls;
    if (kept === batch) tail.isOwn = false;
    tail.batch = kept;
    spent.release();
    this.#count(kept, 1);
  }

  /** Makes one batch of two that stood apart, unless that would be too large or there is no memory for it. */
  #joinWithNext(at: number): void {
    const [entry, { batch }] = [this.#entries[at]!, this.#entries[at + 1]!];
    const { batch: before } = entry;
    if (before.controls.length + batch.controls.length > CONTROLS_MAX) return;
    const hasRows = before.length > 0 && batch.length > 0;
    if (hasRows) {
      if (before.length + batch.length > this.#mergeRows) return;
      try {
        this.#makeRoom(entry, batch.length);
      } catch {
        return; // nothing is lost: they go on as two
      }
    }
    this.#entries.splice(at + 1, 1);
    this.#count(batch, -1);
    if (hasRows) this.#merge(entry, batch);
    else this.#joinControls(entry, batch);
  }

  #merge(tail: Entry<Note>, batch: Batch): void {
    this.#makeRoom(tail, batch.length);
    const { batch: merged } = tail;
    merged.controls = this.#joined(merged, batch);
    this.#rows += batch.length;
    appendOrigin(batch, 0, batch.length, merged);
    appendRows(batch, 0, batch.length, merged);
    batch.release();
  }

  /** Returns the records of two batches that become one. If they are too many, it throws and both keep theirs. */
  #joined(before: Batch, batch: Batch): PlacedControl[] {
    const isNear = before.controls.length + batch.controls.length > CONTROLS_MAX;
    const controls = isNear ? [...before.controls] : before.controls; // some may make others redundant
    for (const { row, record } of batch.controls) appendControl(controls, before.length + row, record);
    this.#checkControls(controls);
    return controls;
  }

  /** Sees to it that an entry has a batch of the queue's own, with room for more rows. */
  #makeRoom(entry: Entry<Note>, rows: number): void {
    const { batch, isOwn } = entry;
    const { capacity } = batch;
    entry.batch = isOwn ? this.#pools().withRoomFor(batch, rows) : this.#copyOf(batch, rows);
    entry.isOwn = true;
    this.#bytes += (entry.batch.capacity - capacity) * this.#rowBytes;
  }

  #copyOf(batch: Batch, more: number): Batch {
    const copy = this.#pools().acquire(batch.length + more);
    appendRows(batch, 0, batch.length, copy);
    copy.controls = batch.controls;
    copy.origin = batch.origin;
    batch.controls = [];
    batch.release();
    return copy;
  }

  #pools(): GrowingBatches {
    const { schema, dictionaries } = this.#settings;
    this.#growing ??= new GrowingBatches(schema, dictionaries, SMALLEST_ROWS, this.#mergeRows);
    return this.#growing;
  }

  /** Drops old rows. @returns The note of what is put next: that of dropped rows of which nothing is left. */
  #dropForRoom(note: Note): Note {
    let first = note;
    while (!this.hasRoom) first = this.#dropOldest(first);
    return first;
  }

  /**
   * Drops the rows of the first batch that has any. Its records and its note move to the next batch.
   *
   * @param note - Of the batch for which there is no room.
   * @returns The note that this batch has now.
   */
  #dropOldest(note: Note): Note {
    const entries = this.#entries;
    const at = entries.findIndex(({ batch }) => batch.length > 0);
    const entry = entries[at]!; // a queue without rows has room
    const { batch: dropped } = entry;
    const records = recordsWithoutRows(dropped, DROPPED_REASONS['drop-oldest']);
    let noteOfNew = note;
    const next = entries[at + 1];
    // First what may fail: an entry whose batch is released must not stay.
    if (next?.seal === entry.seal) {
      const controls: PlacedControl[] = [];
      for (const record of records) appendControl(controls, 0, record);
      for (const { row, record } of next.batch.controls) appendControl(controls, row, record);
      this.#checkControls(controls);
      next.batch.controls = controls;
      entries.splice(at, 2, { ...next, note: entry.note });
    } else if (records.length > 0) {
      entry.batch = this.#batchOf(records);
      entry.isOwn = false;
      this.#count(entry.batch, 1);
    } else {
      entries.splice(at, 1);
      if (next) next.note = entry.note;
      else noteOfNew = entry.note;
    }
    this.#drops.droppedOldest += dropped.length;
    this.#count(dropped, -1);
    dropped.release();
    return noteOfNew;
  }

  #dropNewest(batch: Batch, note: Note): void {
    const records = recordsWithoutRows(batch, DROPPED_REASONS['drop-newest']);
    if (records.length > 0) this.#appendRecords(records, note);
    this.#drops.droppedNewest += batch.length;
    batch.release();
  }

  #appendRecords(records: readonly ControlRecord[], note: Note): void {
    const batch = this.#batchOf(records);
    try {
      this.#append(batch, note);
    } catch (error) {
      batch.release();
      throw error;
    }
  }

  #batchOf(records: readonly ControlRecord[]): Batch {
    const { schema, dictionaries } = this.#settings;
    const batch = new Batch(schema, 1, dictionaries);
    for (const record of records) appendControl(batch.controls, 0, record);
    return batch;
  }

  /** Puts a batch, and keeps the latest row of each symbol, and one batch between two lines. */
  #conflateWith(batch: Batch, note: Note): void {
    const all = [...this.#entries, { batch, note, seal: this.#seal, isOwn: false }];
    const conflated = this.#conflated(all);
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

  /** Copies the latest rows; the given entries stay as they are. */
  #conflated(entries: readonly Entry<Note>[]): Entry<Note>[] {
    const { schema, dictionaries } = this.#settings;
    const kept = this.#latest!.find(entries.map(({ batch }) => batch));
    const conflated: Entry<Note>[] = [];
    try {
      for (let from = 0; from < entries.length; ) {
        const { note, seal } = entries[from]!;
        let to = from;
        let rows = 0;
        for (; entries[to]?.seal === seal; to++) rows += kept[to]!.length;
        const target = new Batch(schema, Math.max(1, rows), dictionaries);
        conflated.push({ batch: target, note, seal, isOwn: false });
        for (let i = from; i < to; i++) gatherAll(entries[i]!.batch, kept[i]!, target);
        this.#checkControls(target.controls);
        from = to;
      }
    } catch (error) {
      releaseAll(conflated.map(({ batch }) => batch));
      throw error;
    }
    return conflated;
  }

  #count(batch: Batch, sign: 1 | -1): void {
    this.#rows += sign * batch.length;
    this.#bytes += sign * batch.capacity * this.#rowBytes;
  }

  #checkControls(controls: readonly PlacedControl[]): void {
    if (controls.length > CONTROLS_MAX) throw this.#full(`of control records (${CONTROLS_MAX} in one batch)`);
  }

  #full(what: string): PipelineError {
    const { limits, title } = this.#settings;
    return new PipelineError(
      'QUEUE_FULL',
      `${title}: the queue is full ${what}: ${counted(this.#rows, 'row', 'rows')} in ${counted(this.#entries.length, 'batch', 'batches')} wait (${this.#bytes} ` +
        `bytes), and its bounds are ${limits.rows} rows, ${limits.batches} batches and ${limits.bytes} bytes: ` +
        'raise "queue", choose another "overflow", or make what follows faster',
      { retryable: true },
    );
  }
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** Appends rows with the records before, between and behind them. */
function gatherAll(source: Batch, rows: Int32Array, target: Batch): void {
  const base = target.length;
  let kept = 0;
  for (const { row, record } of source.controls) {
    while (kept < rows.length && rows[kept]! < row) kept++;
    appendControl(target.controls, base + kept, record);
  }
  gatherRows(source, rows, rows.length, target);
}
