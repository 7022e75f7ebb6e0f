import type { Batch } from '../columns/batch.js';
import type { BatchPool } from '../columns/batch-pool.js';
import type { PlacedControl } from '../columns/control-record.js';
import { type Dictionary, NO_STRING } from '../columns/dictionary.js';
import { elementsPerRow, type Schema } from '../columns/schema.js';
import { NO_FRAME, type RingReader } from '../shared-memory/ring-reader.js';
import {
  columnBytes,
  decodeNote,
  elementBytes,
  FrameKind,
  type RowNote,
  STREAM_ENDS,
  type StreamEnd,
} from './row-frames.js';

/** Control records that end a batch behind the frame with which they come: frames without rows never fill one. */
const CONTROLS_MAX = 1_024;

/** The ids of a string column: of the writer's strings, what they are here. */
class IdMap {
  readonly #dictionary: Dictionary;
  #ids = new Int32Array(256);
  #length = 0;
  /** Whether each id is the same here, so that nothing has to be translated. */
  #isSame = true;

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** @throws {DictionaryFullError} */
  append(values: readonly string[]): void {
    for (const value of values) {
      const id = this.#dictionary.idOf(value);
      if (id !== this.#length) this.#isSame = false;
      if (this.#length === this.#ids.length) this.#grow();
      this.#ids[this.#length++] = id;
    }
  }

  /** Translates ids in place. */
  translate(column: Int32Array, from: number, to: number): void {
    if (this.#isSame) return;
    const ids = this.#ids;
    for (let row = from; row < to; row++) {
      const id = column[row]!;
      if (id !== NO_STRING) column[row] = ids[id]!;
    }
  }

  #grow(): void {
    const ids = new Int32Array(2 * this.#ids.length);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}

/**
 * Makes batches of the frames of a ring. A batch gets all rows that wait, as many as it has room for: a quiet
 * topic has low latency and a busy one high throughput.
 */
export class RowReceiver {
  readonly #reader: RingReader;
  readonly #pool: BatchPool;
  readonly #schema: Schema;
  readonly #bytes: Buffer;
  readonly #maps: readonly (IdMap | undefined)[];
  readonly #wake: () => void;
  /** Parts of a note that is not whole yet. */
  #parts: Uint8Array[] = [];
  /** Records of the frame that is read, and which of them were passed on. */
  #controls: RowNote['controls'] = [];
  #control = 0;
  /** The rows of the frame that were passed on. */
  #row = 0;
  #end: StreamEnd | undefined;

  /** @param wake - Called when the writer has to be woken. */
  constructor(reader: RingReader, pool: BatchPool, dictionaries: Batch['dictionaries'], wake: () => void) {
    this.#reader = reader;
    this.#pool = pool;
    this.#schema = pool.schema;
    this.#bytes = Buffer.from(reader.memory as unknown as ArrayBuffer); // the types know no shared memory here
    this.#wake = wake;
    this.#maps = pool.schema.columns.map(({ name, type, dictionary = name }) =>
      type === 'string' ? new IdMap(dictionaries.get(dictionary)) : undefined,
    );
  }

  /** How the stream ended, once all of it was received. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  /**
   * Returns what waits, owned by the caller; `undefined` if there is nothing.
   *
   * @throws {PipelineError} `MEMORY_EXHAUSTED`, `DICTIONARY_FULL`.
   */
  receive(): Batch | undefined {
    let batch: Batch | undefined;
    let hasTaken = false;
    try {
      while (this.#end === undefined) {
        const kind = this.#reader.peek();
        if (kind === NO_FRAME) break;
        hasTaken = true;
        if (kind === FrameKind.rows) {
          batch ??= this.#pool.acquire();
          if (!this.#takeRows(batch) || batch.controls.length >= CONTROLS_MAX) break;
        } else if (kind === FrameKind.end) {
          this.#end = STREAM_ENDS[this.#reader.word]!;
          this.#free();
        } else {
          this.#takeNote(kind === FrameKind.noteEnd);
        }
      }
      if (hasTaken) this.#reader.took();
      return batch;
    } catch (error) {
      batch?.release();
      throw error;
    }
  }

  /** @returns Whether the batch may have room for more rows. */
  #takeRows(batch: Batch): boolean {
    const rows = this.#reader.word;
    const taken = Math.min(rows - this.#row, batch.capacity - batch.length);
    if (taken === 0 && rows > 0) return false;
    if (taken > 0) this.#copy(batch, rows, taken);
    this.#place(batch, batch.length, this.#row + taken === rows ? rows + 1 : this.#row + taken);
    batch.length += taken;
    this.#row += taken;
    if (this.#row < rows) return false;
    this.#row = 0;
    this.#controls = [];
    this.#control = 0;
    this.#free();
    return true;
  }

  #copy(batch: Batch, rows: number, taken: number): void {
    const { columns, length } = batch;
    let offset = this.#reader.offset;
    for (let i = 0; i < columns.length; i++) {
      const { type } = this.#schema.columns[i]!;
      const { buffer, byteOffset } = columns[i]!;
      const rowBytes = elementsPerRow(type) * elementBytes(type);
      const to = Buffer.from(buffer as ArrayBuffer, byteOffset + length * rowBytes, taken * rowBytes);
      const from = offset + this.#row * rowBytes;
      this.#bytes.copy(to, 0, from, from + taken * rowBytes);
      offset += columnBytes(type, rows);
      this.#maps[i]?.translate(columns[i] as Int32Array, length, length + taken);
    }
  }

  /** Passes on the records that stand before a row of the frame. */
  #place(batch: Batch, length: number, before: number): void {
    const placed: PlacedControl[] = batch.controls;
    for (; this.#control < this.#controls.length; this.#control++) {
      const { row, record } = this.#controls[this.#control]!;
      if (row >= before) return;
      placed.push({ row: length + row - this.#row, record });
    }
  }

  #takeNote(isWhole: boolean): void {
    const { offset, word } = this.#reader;
    this.#parts.push(Uint8Array.from(this.#bytes.subarray(offset, offset + word)));
    this.#free();
    if (!isWhole) return;
    const note = decodeNote(this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts));
    this.#parts = [];
    this.#controls = note.controls;
    for (const { columns, values } of note.strings) {
      for (const column of columns) this.#maps[column]!.append(values);
    }
  }

  #free(): void {
    if (this.#reader.free()) this.#wake();
  }
}
