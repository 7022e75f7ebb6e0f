/**
 * Shared memory that a search of interleavings goes back and forth in: it costs as much as there are
 * words that were written, not as there are in it.
 */
export class ExploredMemory {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #before: Int32Array;
  readonly #isUnobserved: (byte: number) => boolean;
  /** Words that may differ from how they were. */
  readonly #touched: number[] = [];
  readonly #isTouched: Uint8Array;
  /** Of them, those that make one situation another. */
  readonly #told: number[] = [];

  constructor(memory: SharedArrayBuffer, isUnobserved: (byte: number) => boolean) {
    this.#bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#before = this.#words.slice();
    this.#isTouched = new Uint8Array(this.#words.length);
    this.#isUnobserved = isUnobserved;
  }

  /** A cell of 4 or 8 bytes is about to be written. */
  touch(byte: number): void {
    const first = (byte >> 3) << 1;
    for (const word of [first, first + 1]) {
      if (this.#isTouched[word] !== 0) continue; // or there is no such word
      this.#isTouched[word] = 1;
      this.#touched.push(word);
      if (!this.#isUnobserved(4 * word)) this.#told.push(word);
    }
  }

  touchAll(): void {
    for (let byte = 0; byte < this.#bytes.length; byte += 8) this.touch(byte);
  }

  /** The memory, as text: equal texts, equal words. */
  text(): string {
    let text = '';
    for (const word of this.#told) {
      const value = this.#words[word]!;
      if (value !== this.#before[word]) text += `${word}:${value},`;
    }
    return text;
  }

  /** What cells that were touched hold. */
  save(): readonly number[] {
    return this.#touched.map((word) => this.#words[word]!);
  }

  /** Puts back what they held. */
  restore(saved: readonly number[]): void {
    for (const [at, word] of this.#touched.entries()) {
      // One that was touched since then was as at the beginning.
      this.#words[word] = at < saved.length ? saved[at]! : this.#before[word]!;
    }
  }

  /** Does what may write anywhere, and puts all of it back. */
  lend(work: () => void): void {
    const here = this.#bytes.slice();
    work();
    this.#bytes.set(here);
  }

  /** Puts back how all of it was at the beginning. */
  reset(): void {
    this.#words.set(this.#before);
  }

  /** @returns The first observed byte that the work has written, if any. */
  writtenBy(work: () => void): number | undefined {
    const before = this.#bytes.slice();
    work();
    if (Buffer.compare(before, this.#bytes) === 0) return undefined;
    const at = before.findIndex((byte, i) => byte !== this.#bytes[i] && !this.#isUnobserved(i & ~3));
    return at < 0 ? undefined : at;
  }
}
