import { DoubleDictionary } from './double-dictionary.js';

/** Memory that the columns of a file use in turn while they are encoded. */
export class Scratch {
  /** A code a value, values that are there alone. */
  codes = new Int32Array(0);
  /** Doubles that are there alone. */
  doubles = new Float64Array(0);
  /** 1 where a row has a value. */
  present = new Uint8Array(0);
  readonly dictionary = new DoubleDictionary();

  /** What its arrays take that grow with the rows. */
  get bytes(): number {
    return bytesOf(this.codes.length);
  }

  /** What they take once so many rows were reserved. */
  bytesWith(rows: number): number {
    return Math.max(this.bytes, bytesOf(rows));
  }

  reserve(rows: number): void {
    if (this.codes.length >= rows) return;
    this.codes = new Int32Array(rows);
    this.doubles = new Float64Array(rows);
    this.present = new Uint8Array(rows);
  }
}

/** A code, a double and a mark a row. */
const bytesOf = (rows: number): number => 13 * rows;
