import type { Batch } from '../../columns/batch.js';
import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import type { Column } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { ByteBuffer } from './byte-buffer.js';
import { bytesOf, type ColumnBuffer, type ColumnFacts, type ColumnLoader } from './column-buffer.js';
import { writeCodePages } from './encode-values.js';
import { isOptional } from './metadata.js';
import type { PageWriter } from './page-writer.js';
import type { Scratch } from './scratch.js';

/** Longer strings are not useful as bounds. */
const BOUND_BYTES_MAX = 64;
/** What a save without new texts says of them: no number, no length. */
const NO_TEXTS = new Uint8Array(8);

/**
 * Buffers the strings of a row group as codes of its own dictionary, since that of the pipeline may hold
 * many more strings. It makes no string per row.
 */
export class StringBuffer implements ColumnBuffer {
  readonly column: Column;
  #codes = new Int32Array(0);
  /** Maps ids of the pipeline to codes of the row group; −1 if there is none yet. */
  #codeOf = new Int32Array(0);
  /** Maps codes of the row group to ids of the pipeline. */
  #ids: number[] = [];
  #dictionary: Dictionary;
  /** How many of `#ids` have had their texts saved. */
  #idsSaved = 0;

  constructor(column: Column, dictionary: Dictionary) {
    this.column = column;
    this.#dictionary = dictionary;
  }

  get bytes(): number {
    return this.#codes.byteLength + this.#codeOf.byteLength;
  }

  grow(capacity: number, used: number): void {
    const grown = new Int32Array(capacity);
    grown.set(this.#codes.subarray(0, used));
    this.#codes = grown;
  }

  append(batch: Batch, index: number, start: number, end: number, at: number): void {
    this.#dictionary = batch.dictionary(this.column);
    this.#makeRoomForCodes();
    const ids = batch.columns[index] as Int32Array;
    const codes = this.#codes;
    const codeOf = this.#codeOf;
    const isNullable = isOptional(this.column);
    for (let row = start; row < end; row++) {
      const id = ids[row]!;
      let code = -1;
      if (id >= 0) {
        code = codeOf[id]!;
        if (code < 0) {
          code = this.#ids.length;
          this.#ids.push(id);
          codeOf[id] = code;
        }
      } else if (!isNullable) {
        throw new PipelineError(
          'SINK_FAILED',
          `Column "${this.column.name}": expected a string in every row, since it is not nullable, found none; ` +
            'declare it "nullable: true" where the column is made, or set a value in every row',
        );
      }
      codes[at++] = code;
    }
  }

  encode(rows: number, pages: PageWriter, scratch: Scratch): ColumnFacts {
    const texts = this.#ids.map((id) => Buffer.from(this.#dictionary.at(id) ?? ''));
    for (const id of this.#ids) this.#codeOf[id] = -1;
    this.#ids = [];
    this.#idsSaved = 0;
    pages.dictionaryPage(texts.length, dictionaryBytes(texts));
    if (!isOptional(this.column)) {
      writeCodePages(this.#codes, rows, texts.length, scratch.present, 0, pages, false);
      return { nulls: 0, ...boundsOf(texts) };
    }
    const { present, codes } = scratch;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const code = this.#codes[row]!;
      const isThere = code < 0 ? 0 : 1;
      present[row] = isThere;
      codes[count] = code;
      count += isThere;
    }
    writeCodePages(codes, rows, texts.length, present, rows - count, pages, true);
    return { nulls: rows - count, ...boundsOf(texts) };
  }

  /** Saves the number of new texts and their total length, then the texts, then the codes. */
  save(start: number, end: number): readonly Uint8Array[] {
    if (start === 0) this.#idsSaved = 0;
    const codes = bytesOf(this.#codes.subarray(start, end));
    if (this.#idsSaved === this.#ids.length) return [NO_TEXTS, codes];
    const ids = this.#ids.slice(this.#idsSaved);
    this.#idsSaved = this.#ids.length;
    const texts = dictionaryBytes(ids.map((id) => Buffer.from(this.#dictionary.at(id) ?? ''))).slice();
    const counts = Buffer.alloc(8);
    counts.writeUInt32LE(ids.length, 0);
    counts.writeUInt32LE(texts.length, 4);
    return [counts, texts, codes];
  }

  loader(): ColumnLoader {
    const dictionary = this.#dictionary;
    /** Maps codes to ids of the pipeline. */
    const ids: number[] = [];
    let codes = new Int32Array(0);
    return {
      take(saved) {
        const bytes = Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength);
        const textsEnd = 8 + bytes.readUInt32LE(4);
        for (let at = 8; at < textsEnd; ) {
          const end = at + 4 + bytes.readUInt32LE(at);
          ids.push(dictionary.idOf(bytes.toString('utf8', at + 4, end)));
          at = end;
        }
        codes = new Int32Array((bytes.length - textsEnd) / Int32Array.BYTES_PER_ELEMENT);
        bytesOf(codes).set(bytes.subarray(textsEnd));
      },
      copy(start, end, into) {
        for (let row = start; row < end; row++) into[row - start] = ids[codes[row]!] ?? NO_STRING;
      },
    };
  }

  #makeRoomForCodes(): void {
    const { size } = this.#dictionary;
    if (this.#codeOf.length >= size) return;
    const grown = new Int32Array(Math.max(64, size, 2 * this.#codeOf.length)).fill(-1);
    grown.set(this.#codeOf);
    this.#codeOf = grown;
  }
}

/** Encodes strings in plain encoding: the length in four bytes, then the string. */
export function dictionaryBytes(texts: readonly Uint8Array[]): Uint8Array {
  const out = new ByteBuffer(texts.reduce((sum, { length }) => sum + 4 + length, 0) || 1);
  for (const text of texts) {
    for (let shift = 0; shift < 32; shift += 8) out.byte((text.length >>> shift) & 255);
    out.append(text);
  }
  return out.view();
}

export function boundsOf(texts: readonly Buffer[]): Omit<ColumnFacts, 'nulls'> {
  let min = texts[0];
  let max = min;
  for (const text of texts) {
    if (text.compare(min!) < 0) min = text;
    if (text.compare(max!) > 0) max = text;
  }
  if (!min || !max || min.length > BOUND_BYTES_MAX || max.length > BOUND_BYTES_MAX) return {};
  return { min, max };
}
