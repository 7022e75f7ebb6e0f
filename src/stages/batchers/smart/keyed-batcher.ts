import type { Batch } from '../../../columns/batch.js';
import type { MemoryShare } from '../../../columns/column-memory.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { gatherRows } from '../../../columns/gather-rows.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';
import type { Batcher } from '../../../engine/batcher.js';
import type { FlushReason, StageStatistics } from '../../../wire/pipeline-report.js';
import type { BatchLimits } from './batch-limits.js';
import { ClosedBatches } from './closed-batches.js';
import { HeldWatermarks, type Watermark } from './held-watermarks.js';

/** Number of rows that the first batch of a key has room for. */
const ROWS_FIRST = 64;
/** How many idle batches of that capacity are kept, since many keys close theirs at the same time. */
const SPARES_FIRST = 64;
const NONE = -1;

/** The open batch of a key, and the rows of the current batch that are not yet copied into it. */
interface Group {
  readonly key: number;
  /** Groups are numbered in the order in which they open. */
  readonly ordinal: number;
  readonly due: bigint;
  batch: Batch;
  first: number;
  last: number;
  waiting: number;
}

export interface KeyedBatcherSettings {
  readonly limits: BatchLimits;
  readonly key: string;
  readonly keysMax: number;
}

/**
 * Keeps one open batch for each key. Rows keep their order within a key; across keys, batches come in the
 * order in which they closed. A control record closes all open batches, since it stands between the rows
 * before and after it, whatever their key. Watermarks are the exception: a watermark waits until the
 * batches open at its arrival are closed.
 */
export class KeyedBatcher implements Batcher {
  readonly reorders = true;
  readonly readsOnly = true;
  readonly #settings: KeyedBatcherSettings;
  readonly #clock: Clock;
  readonly #batches: GrowingBatches;
  readonly #closed = new ClosedBatches();
  /** In the order in which they were opened. */
  readonly #groups = new Map<number, Group>();
  readonly #keyColumn: number;
  readonly #watermarks = new HeldWatermarks();
  #opened = 0;
  /** Memory of `#following` and `#order`. */
  readonly #share: MemoryShare;
  /** For each row of the current batch: the next row of the same group. */
  #following = new Int32Array(0);
  #order = new Int32Array(0);

  constructor(settings: KeyedBatcherSettings, input: Schema, clock: Clock, dictionaries: DictionarySet) {
    this.#settings = settings;
    this.#clock = clock;
    this.#share = dictionaries.memory.share('batcher');
    this.#keyColumn = columnIndex(input, settings.key);
    const { rowsMax } = settings.limits;
    this.#batches = new GrowingBatches(input, dictionaries, ROWS_FIRST, rowsMax, SPARES_FIRST);
  }

  get flushes() {
    return this.#closed.flushes;
  }

  get due(): Nanos | undefined {
    return this.#oldest?.due as Nanos | undefined;
  }

  add(batch: Batch): void {
    if (this.#following.length < batch.length) {
      this.#share.resize(2 * Int32Array.BYTES_PER_ELEMENT * batch.capacity);
      this.#following = new Int32Array(batch.capacity);
      this.#order = new Int32Array(batch.capacity);
    }
    try {
      let row = 0;
      for (const { row: place, record } of batch.controls) {
        this.#addRows(batch, row, place);
        row = place;
        if (record.type === 'watermark') this.#addWatermark(record);
        else this.#addControl(record);
      }
      this.#addRows(batch, row, batch.length);
    } finally {
      batch.release();
    }
  }

  take(): Batch | undefined {
    return this.#closed.take();
  }

  flush(reason: 'age' | 'drain'): void {
    const now = this.#clock.now();
    for (const group of this.#groups.values()) {
      if (reason === 'age' && group.due > now) break;
      this.#close(group, reason);
    }
  }

  close(): void {
    for (const { batch } of this.#groups.values()) batch.release();
    this.#groups.clear();
    this.#closed.release();
    this.#share.resize(0);
  }

  statistics(): StageStatistics {
    return { keysOpen: this.#groups.size };
  }

  get #oldest(): Group | undefined {
    return this.#groups.values().next().value;
  }

  /** Links rows by key first, then copies them one column at a time. */
  #addRows(batch: Batch, start: number, end: number): void {
    if (start === end) return;
    const { limits, keysMax } = this.#settings;
    const keys = batch.columns[this.#keyColumn]!;
    const following = this.#following;
    const touched: Group[] = [];
    const due = this.#clock.now() + limits.delayNs;
    let group: Group | undefined;

    for (let row = start; row < end; row++) {
      const key = keys[row]!;
      if (group?.key !== key) group = this.#groups.get(key);
      if (!group) {
        const oldest = this.#groups.size === keysMax ? this.#oldest : undefined;
        if (oldest) {
          this.#copyWaiting(batch, oldest);
          this.#close(oldest, 'keys');
        }
        const ordinal = ++this.#opened;
        group = { key, ordinal, due, batch: this.#batches.acquire(1), first: NONE, last: NONE, waiting: 0 };
        this.#groups.set(key, group);
      }
      if (group.waiting === 0) {
        group.first = row;
        touched.push(group);
      } else following[group.last] = row;
      group.last = row;
      group.waiting++;
      if (group.batch.length + group.waiting === limits.rowsMax) {
        this.#copyWaiting(batch, group);
        this.#close(group, limits.reasonWhenFull);
        group = undefined;
      }
    }
    for (const each of touched) this.#copyWaiting(batch, each);
  }

  #copyWaiting(source: Batch, group: Group): void {
    const { waiting } = group;
    if (waiting === 0) return;
    const order = this.#order;
    let row = group.first;
    for (let i = 0; i < waiting; i++) {
      order[i] = row;
      row = this.#following[row]!;
    }
    group.waiting = 0;
    group.batch = this.#batches.withRoomFor(group.batch, waiting);
    gatherRows(source, order, waiting, group.batch);
  }

  #addControl(record: ControlRecord): void {
    for (const group of this.#groups.values()) this.#close(group, 'control');
    let last = this.#closed.last;
    if (!last) {
      last = this.#batches.acquire(1);
      this.#closed.push(last, 'control');
    }
    for (const held of this.#watermarks.takeAll()) last.controls.push({ row: last.length, record: held });
    last.controls.push({ row: last.length, record });
  }

  #addWatermark(record: Watermark): void {
    this.#watermarks.add(record, this.#opened);
    this.#releaseWatermarks();
  }

  #close(group: Group, reason: FlushReason): void {
    this.#groups.delete(group.key);
    this.#closed.push(group.batch, reason);
    this.#releaseWatermarks();
  }

  /** Appends watermarks whose rows are all closed to the batch closed last, if it was not taken yet. */
  #releaseWatermarks(): void {
    const last = this.#closed.last;
    if (!last || this.#watermarks.isEmpty) return;
    const oldest = this.#oldest?.ordinal ?? Number.POSITIVE_INFINITY;
    for (const held of this.#watermarks.takeBehind(oldest)) {
      last.controls.push({ row: last.length, record: held });
    }
  }
}
