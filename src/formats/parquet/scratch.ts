/** Memory for encoding, used by one column of a file after another. */
export class Scratch {
  /** One code for each value that is not null. */
  codes = new Int32Array(0);
  /** The doubles that are not null. */
  doubles = new Float64Array(0);
  /** For each row, 1 if it has a value. */
  present = new Uint8Array(0);

  /** Bytes of the arrays that grow with the rows. */
  get bytes(): number {
    return bytesOf(this.codes.length);
  }

  /** Bytes of these arrays after `reserve(rows)`. */
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

/** A code, a double and a mark per row. */
const bytesOf = (rows: number): number => 13 * rows;
