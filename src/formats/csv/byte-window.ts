const LF = 10;

/**
 * The part of a file that is being decoded, as one contiguous buffer. The rest of the last chunk moves
 * to the front, and the next chunk is appended. It grows with the longest row and never shrinks.
 */
export class ByteWindow {
  /** Only the bytes from `start` to `end` are data. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Position after the last line end in the data; 0 if there is none. */
  linesEnd = 0;
  /** Whether the file has no more bytes. */
  sealed = false;
  /** Offset in the (unpacked) file of `bytes[0]`. */
  #origin = 0;
  /** Whether a line end was added, since the last line had none. */
  #closed = false;

  /** Converts a position in `bytes` to an offset in the (unpacked) file. */
  offsetOf(position: number): number {
    return this.#origin + position - (this.#closed && position === this.end ? 1 : 0);
  }

  /** Drops all data, and continues at an offset of the file. */
  reset(offset: number): void {
    this.start = this.end = this.linesEnd = 0;
    this.sealed = this.#closed = false;
    this.#origin = offset;
  }

  append(chunk: Uint8Array): void {
    const kept = this.end - this.start;
    // One more byte for a line end, in case the last line has none.
    const needed = kept + chunk.length + 1;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(needed + (kept === 0 ? 0 : needed >> 1));
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
    } else if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.#origin += this.start;
    this.bytes.set(chunk, kept);
    this.start = 0;
    this.end = kept + chunk.length;
    this.linesEnd = this.bytes.subarray(0, this.end).lastIndexOf(LF) + 1;
  }

  /** Marks the end of the file. If the last line has no line end, one is added. */
  seal(): void {
    this.sealed = true;
    if (this.end > this.start && this.bytes[this.end - 1] !== LF) {
      this.bytes[this.end++] = LF;
      this.#closed = true;
    }
    this.linesEnd = this.end;
  }
}
