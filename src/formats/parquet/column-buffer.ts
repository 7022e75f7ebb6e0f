import type { Batch } from '../../columns/batch.js';
import { allocateColumn, type Column, type ColumnData, elementsPerRow } from '../../columns/schema.js';
import type { PageWriter } from './page-writer.js';
import type { Scratch } from './scratch.js';

/** Statistics of a column in a row group. Bounds are in plain encoding. */
export interface ColumnFacts {
  readonly nulls: number;
  readonly min?: Uint8Array | undefined;
  readonly max?: Uint8Array | undefined;
}

/** Encodes the first `rows` rows of a buffer into pages. */
export type EncodePages<Data extends ColumnData> = (
  data: Data,
  rows: number,
  pages: PageWriter,
  scratch: Scratch,
) => ColumnFacts;

/** Buffers the values of one column until the row group is full. */
export interface ColumnBuffer {
  readonly column: Column;
  /** Bytes of its arrays. */
  readonly bytes: number;
  /** Makes room for `capacity` rows in total, keeping the first `used`. */
  grow(capacity: number, used: number): void;
  append(batch: Batch, index: number, start: number, end: number, at: number): void;
  encode(rows: number, pages: PageWriter, scratch: Scratch): ColumnFacts;
  /**
   * Returns some of the rows as bytes, which may be views of the buffer. Each save continues where the
   * last one ended, or starts again at row 0.
   */
  save(start: number, end: number): readonly Uint8Array[];
  loader(): ColumnLoader;
}

/** Reads the results of `save` back, for a new buffer. */
export interface ColumnLoader {
  /** Accepts the next piece, in the order of the saves, starting with one from row 0. */
  take(saved: Uint8Array): void;
  /** Copies rows of that piece to the front of a column of a batch. */
  copy(start: number, end: number, into: ColumnData): void;
}

/** A buffer that stores values in the same form as a batch. */
export class PlainBuffer<Data extends ColumnData> implements ColumnBuffer {
  readonly column: Column;
  readonly #width: number;
  readonly #encode: EncodePages<Data>;
  #data: Data;

  constructor(column: Column, encode: EncodePages<Data>) {
    this.column = column;
    this.#width = elementsPerRow(column.type);
    this.#encode = encode;
    this.#data = allocateColumn(column.type, 0) as Data;
  }

  get bytes(): number {
    return this.#data.byteLength;
  }

  grow(capacity: number, used: number): void {
    const grown = allocateColumn(this.column.type, capacity) as Data;
    grown.set(this.#data.subarray(0, used * this.#width));
    this.#data = grown;
  }

  append(batch: Batch, index: number, start: number, end: number, at: number): void {
    const width = this.#width;
    this.#data.set(batch.columns[index]!.subarray(start * width, end * width), at * width);
  }

  encode(rows: number, pages: PageWriter, scratch: Scratch): ColumnFacts {
    return this.#encode(this.#data, rows, pages, scratch);
  }

  save(start: number, end: number): readonly Uint8Array[] {
    const { buffer, byteOffset, BYTES_PER_ELEMENT } = this.#data;
    const width = this.#width * BYTES_PER_ELEMENT;
    return [new Uint8Array(buffer, byteOffset + start * width, (end - start) * width)];
  }

  loader(): ColumnLoader {
    const width = this.#width * this.#data.BYTES_PER_ELEMENT;
    let values: Uint8Array = new Uint8Array(0);
    return {
      take(saved) {
        values = saved;
      },
      copy(start, end, into) {
        bytesOf(into).set(values.subarray(start * width, end * width));
      },
    };
  }
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ColumnData): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
