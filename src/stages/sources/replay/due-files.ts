import type { TimedFile } from './files-in-time.js';

/**
 * Which file is opened next, and when: as soon as the stream reaches its first time less the delay that its
 * rows may have. Without a delay, each file is opened after the end of the one before it.
 */
export class DueFiles {
  readonly #files: readonly TimedFile[];
  readonly #maxDelayNs: bigint | undefined;
  #begun: number;
  /** Files before this index become due together with the last one begun. */
  #burstEnd = 0;

  /**
   * @param files - Sorted by first time.
   * @param begun - How many of them were begun already.
   */
  constructor(files: readonly TimedFile[], maxDelayNs: bigint | undefined, begun: number) {
    this.#files = files;
    this.#maxDelayNs = maxDelayNs;
    this.#begun = begun;
  }

  /** How many files were begun: the first ones in order. */
  get begun(): number {
    return this.#begun;
  }

  /** How many files become due together with the last one that was begun, and were not begun yet. */
  get toCome(): number {
    return Math.max(0, this.#burstEnd - this.#begun);
  }

  /** The next file that was not begun. */
  get next(): TimedFile | undefined {
    return this.#files[this.#begun];
  }

  /** When the next file opens; `undefined` if that is not known by time, or there is none. */
  get opensAt(): bigint | undefined {
    const { next } = this;
    return next && this.#opensAt(next);
  }

  /**
   * Whether the next file has to be open once the stream has come to this instant, given as words.
   *
   * @param high - Of the next row of the files that are open.
   */
  isDue(high: number, low: number): boolean {
    const { next } = this;
    if (!next) return false;
    const opensAt = this.#opensAt(next);
    if (opensAt === undefined) return this.#maxDelayNs !== undefined;
    return opensAt <= ((BigInt(high) << 32n) | BigInt(low));
  }

  /**
   * Looks which files become due with the next one: they are opened right after it, so memory is divided among
   * them from the start.
   */
  look(): void {
    if (this.#begun < this.#burstEnd) return;
    this.#burstEnd = this.#begun + 1;
    const firstNs = this.next?.firstNs;
    while (firstNs !== undefined && this.#maxDelayNs !== undefined && this.#burstEnd < this.#files.length) {
      if (this.#opensAt(this.#files[this.#burstEnd]!)! > firstNs) break;
      this.#burstEnd++;
    }
  }

  /** Notes that the next file is open. @returns Its number. */
  begin(): number {
    return this.#begun++;
  }

  #opensAt({ firstNs }: TimedFile): bigint | undefined {
    return firstNs === undefined || this.#maxDelayNs === undefined ? undefined : firstNs - this.#maxDelayNs;
  }
}
