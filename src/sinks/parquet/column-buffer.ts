import type { Batch } from '../../core/batch.js';
import { allocateColumn, type Column, type ColumnData, elementsPerRow } from '../../core/schema.js';
import type { PageWriter } from './page-writer.js';
import type { Scratch } from './scratch.js';

/** What is known of the values of a row group. Bounds are plainly encoded. */
export interface ColumnFacts {
  readonly nulls: number;
  readonly min?: Uint8Array | undefined;
  readonly max?: Uint8Array | undefined;
}

/** Encodes `rows` of what a buffer holds into pages. */
export type EncodePages<Data extends ColumnData> = (
  data: Data,
  rows: number,
  pages: PageWriter,
  scratch: Scratch,
) => ColumnFacts;

/** Values of one column until their row group is full. */
export interface ColumnBuffer {
  readonly column: Column;
  /** What its arrays take. */
  readonly bytes: number;
  /** Makes room for so many rows in all, keeping the first `used`. */
  grow(capacity: number, used: number): void;
  append(batch: Batch, index: number, start: number, end: number, at: number): void;
  encode(rows: number, pages: PageWriter, scratch: Scratch): ColumnFacts;
  /**
   * Some of the rows as bytes, which may be views of what the buffer holds. From one save to the next,
   * rows follow one another; those from row 0 begin anew.
   */
  save(start: number, end: number): readonly Uint8Array[];
  /** Takes what `save` gave, in the same order, as so many rows from row `at` on. */
  load(saved: Uint8Array, rows: number, at: number): void;
}

/** A buffer that keeps values as they stand in a batch. */
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
    return [bytesOf(this.#data.subarray(start * this.#width, end * this.#width))];
  }

  load(saved: Uint8Array, rows: number, at: number): void {
    const { BYTES_PER_ELEMENT } = this.#data;
    const width = this.#width * BYTES_PER_ELEMENT;
    bytesOf(this.#data).set(saved.subarray(0, rows * width), at * width);
  }
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ColumnData): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
