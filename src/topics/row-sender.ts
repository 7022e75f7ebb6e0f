import type { Batch } from '../columns/batch.js';
import type { Dictionary, DictionarySet } from '../columns/dictionary.js';
import { elementsPerRow, type Schema } from '../columns/schema.js';
import type { RingWriter } from '../shared-memory/ring-writer.js';
import {
  columnBytes,
  elementBytes,
  encodeNote,
  FrameKind,
  type RowNote,
  rowsBytes,
  rowsIn,
  STREAM_ENDS,
  type StreamEnd,
} from './row-frames.js';

/** What part of the largest frame is used, so that the reader copies one while the next is written. */
const FRAME_PART = 4;

/** A dictionary of the rows, how many of its strings were sent, and the columns that hold its ids. */
interface SentDictionary {
  readonly dictionary: Dictionary;
  readonly columns: readonly number[];
  sent: number;
}

/** Writes batches into a ring, as far as there is room: it goes on where it stopped. */
export class RowSender {
  readonly #writer: RingWriter;
  readonly #schema: Schema;
  readonly #bytes: Buffer;
  readonly #rowsMax: number;
  readonly #noteBytesMax: number;
  readonly #dictionaries: readonly SentDictionary[];
  readonly #wake: () => void;
  /** The rows of the current batch that were written. */
  #row = 0;
  /** The note of the next rows, as far as it was written; `undefined` if it was looked for and there is none. */
  #note: { readonly bytes: Uint8Array; at: number } | undefined;
  #isNoted = false;

  /** @param wake - Called when the reader has to be woken. */
  constructor(writer: RingWriter, schema: Schema, dictionaries: DictionarySet, wake: () => void) {
    this.#writer = writer;
    this.#schema = schema;
    this.#bytes = Buffer.from(writer.memory as unknown as ArrayBuffer); // the types know no shared memory here
    this.#wake = wake;
    const frameBytes = Math.floor(writer.frameBytesMax / FRAME_PART);
    this.#noteBytesMax = frameBytes;
    this.#rowsMax = rowsIn(schema, frameBytes);
    this.#dictionaries = dictionariesOf(schema, dictionaries);
  }

  /** Rows of the current batch that were written. */
  get rowsWritten(): number {
    return this.#row;
  }

  /**
   * Writes what is left of a batch.
   *
   * @returns Whether all of it is in the ring. If not, it is called again with the same batch once there is room.
   */
  send(batch: Batch): boolean {
    do {
      const rows = Math.min(this.#rowsMax, batch.length - this.#row);
      if (!this.#isNoted) this.#note = this.#noteOf(batch, rows);
      this.#isNoted = true;
      if (this.#note && !this.#sendNote(this.#note)) return false;
      this.#note = undefined;
      if (!this.#sendRows(batch, rows)) return false;
      this.#isNoted = false;
      this.#row += rows;
    } while (this.#row < batch.length);
    this.#row = 0;
    return true;
  }

  /** Writes the end of the stream. @returns Whether there was room. */
  end(how: StreamEnd): boolean {
    if (this.#writer.reserve(0) < 0) return false;
    this.#publish(FrameKind.end, STREAM_ENDS.indexOf(how));
    return true;
  }

  #noteOf(batch: Batch, rows: number): { readonly bytes: Uint8Array; at: number } | undefined {
    const strings = this.#newStrings();
    const controls = this.#controlsOf(batch, rows);
    if (strings.length === 0 && controls.length === 0) return undefined;
    return { bytes: encodeNote({ strings, controls }), at: 0 };
  }

  #newStrings(): RowNote['strings'] {
    const strings: { columns: readonly number[]; values: readonly string[] }[] = [];
    for (const each of this.#dictionaries) {
      const { dictionary, columns, sent } = each;
      if (dictionary.size === sent) continue;
      strings.push({ columns, values: dictionary.values.slice(sent) });
      each.sent = dictionary.size;
    }
    return strings;
  }

  /** The records before or among the next rows; those behind the last row go with it. */
  #controlsOf({ controls, length }: Batch, rows: number): RowNote['controls'] {
    if (controls.length === 0) return [];
    const from = this.#row;
    const to = from + rows;
    return controls
      .filter(({ row, record }) => {
        return record.type !== 'end' && row >= from && (row < to || to === length);
      })
      .map(({ row, record }) => ({ row: row - from, record }));
  }

  #sendNote(note: { readonly bytes: Uint8Array; at: number }): boolean {
    const { bytes } = note;
    while (note.at < bytes.length) {
      const part = bytes.subarray(note.at, note.at + this.#noteBytesMax);
      const offset = this.#writer.reserve(part.length);
      if (offset < 0) return false;
      this.#bytes.set(part, offset);
      note.at += part.length;
      this.#publish(note.at < bytes.length ? FrameKind.notePart : FrameKind.noteEnd, part.length);
    }
    return true;
  }

  #sendRows(batch: Batch, rows: number): boolean {
    const schema = this.#schema;
    let offset = this.#writer.reserve(rowsBytes(schema, rows));
    if (offset < 0) return false;
    const { columns } = batch;
    for (let i = 0; i < columns.length; i++) {
      const { type } = schema.columns[i]!;
      const { buffer, byteOffset } = columns[i]!;
      const rowBytes = elementsPerRow(type) * elementBytes(type);
      const from = Buffer.from(buffer as ArrayBuffer, byteOffset + this.#row * rowBytes, rows * rowBytes);
      from.copy(this.#bytes, offset);
      offset += columnBytes(type, rows);
    }
    this.#publish(FrameKind.rows, rows);
    return true;
  }

  #publish(kind: number, word: number): void {
    if (this.#writer.publish(kind, word)) this.#wake();
  }
}

function dictionariesOf({ columns }: Schema, dictionaries: DictionarySet): readonly SentDictionary[] {
  const byName = new Map<string, number[]>();
  for (const [i, { name, type, dictionary = name }] of columns.entries()) {
    if (type === 'string') byName.set(dictionary, [...(byName.get(dictionary) ?? []), i]);
  }
  return [...byName].map(([name, at]) => ({ dictionary: dictionaries.get(name), columns: at, sent: 0 }));
}
