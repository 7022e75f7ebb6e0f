const LF = 10;

/**
 * The part of a file that is being decoded, as one run of bytes: what is left of the last chunk
 * moves to the front and the next one is added behind. Grows with the longest row and never
 * shrinks.
 */
export class ByteWindow {
  /** Only `start` to `end` are data. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Behind the last line end among the data; 0 when there is none. */
  linesEnd = 0;
  /** Whether nothing follows. */
  sealed = false;
  /** Offset in the (unpacked) file of `bytes[0]`. */
  #origin = 0;
  /** Whether the last line had no line end and was given one. */
  #closed = false;

  /** Offset in the (unpacked) file of a position among the bytes. */
  offsetOf(position: number): number {
    return this.#origin + position - (this.#closed && position === this.end ? 1 : 0);
  }

  /** Forgets everything and goes on from an offset. */
  reset(offset: number): void {
    this.start = this.end = this.linesEnd = 0;
    this.sealed = this.#closed = false;
    this.#origin = offset;
  }

  append(chunk: Uint8Array): void {
    const kept = this.end - this.start;
    // One more byte for the line end that a last line may lack.
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

  /** Nothing follows: a last line without a line end gets one. */
  seal(): void {
    this.sealed = true;
    if (this.end > this.start && this.bytes[this.end - 1] !== LF) {
      this.bytes[this.end++] = LF;
      this.#closed = true;
    }
    this.linesEnd = this.end;
  }
}
