/** Characters of letters that a checkpoint says itself. */
export const SAID_MAX = 1_048_576;

/** Letters that may be lost from their file, as they stand in it. */
export interface SaidLetters {
  readonly text: string;
  /** None of them begins before it in the file. */
  readonly offset: number;
}

/**
 * The last letters of a run, for as long as nobody knows that they are on the disk: a checkpoint that says
 * them waits for no sync of their file. Past a bound they are not said, and it has to wait.
 *
 * All numbers are characters, counted over the whole run.
 */
export class UnsyncedLetters {
  readonly #max: number;
  /** From `#from` to `#end`. */
  #text = '';
  #from = 0;
  #end = 0;
  #written = 0;
  #synced = 0;
  /** Up to here, a position was told without what it says. */
  #owed = 0;
  #offset = 0;
  /** Of an earlier start: where the last that was added ends, and where in the file to look for them. */
  #earlierEnd = 0;
  #earlierOffset = 0;

  /** @param max - For tests. */
  constructor(max = SAID_MAX) {
    this.#max = max;
  }

  /** Behind all that was added. */
  get end(): number {
    return this.#end;
  }

  /** Those that are not known to be on the disk. */
  get length(): number {
    return this.#end - this.#synced;
  }

  /** Something that is on no disk was left out of a position. */
  get owesSync(): boolean {
    return this.#synced < this.#owed;
  }

  /** Of an earlier start, in the file at this offset or behind it, unless they were lost. */
  addEarlier(text: string, offset: number): void {
    this.#earlierOffset = this.#earlierEnd > this.#synced ? Math.min(this.#earlierOffset, offset) : offset;
    this.add(text);
    this.#earlierEnd = this.#end;
  }

  /** @param text - Of whole lines. */
  add(text: string): void {
    this.#text += text;
    this.#end += text.length;
    if (this.#text.length <= this.#max) return;
    this.#text = '';
    this.#from = this.#end;
  }

  /** @param offset - Where this start begins to write, in a file that is there. */
  begin(offset: number): void {
    this.#offset = offset;
  }

  /** For a position. */
  say(): SaidLetters | undefined {
    if (this.#from > this.#synced) this.#owed = this.#end;
    else if (this.length > 0) return { text: this.#text, offset: this.#firstOffset };
    return undefined;
  }

  get #firstOffset(): number {
    return this.#earlierEnd > this.#synced ? Math.min(this.#earlierOffset, this.#offset) : this.#offset;
  }

  /** What was added before this is in the file. */
  noteWritten(end: number): void {
    this.#written = end;
  }

  /**
   * A sync of the file begins.
   *
   * @param offset - Behind what is in the file by now.
   * @returns To be called once it has gone well.
   */
  beginSync(offset: number): () => void {
    const written = this.#written;
    return () => {
      this.#synced = written;
      this.#offset = offset;
      if (this.#from >= written) return;
      this.#text = this.#text.slice(written - this.#from);
      this.#from = written;
    };
  }
}
