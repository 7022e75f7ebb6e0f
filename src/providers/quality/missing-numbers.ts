/** Numbers without a row, from one to another, both included. */
export interface MissingRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** Of one chain. Older ones are forgotten: their rows count as delivered. */
const RANGES_MAX = 64;

/** The numbers of one chain that no row has come with, in ascending order. Bounded: the oldest are forgotten. */
export class MissingNumbers {
  readonly #ranges: MissingRange[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** In ascending order. */
  get ranges(): readonly MissingRange[] {
    return this.#ranges;
  }

  has(number: bigint): boolean {
    return this.#indexOf(number) >= 0;
  }

  /** @param range - Numbers that are not in it yet. */
  add(range: MissingRange): void {
    const after = this.#ranges.findIndex(({ from }) => from > range.to);
    this.#ranges.splice(after < 0 ? this.#ranges.length : after, 0, range);
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
  }

  /** A row with this number has come. @returns Whether it was missing. */
  take(number: bigint): boolean {
    const at = this.#indexOf(number);
    if (at < 0) return false;
    const { from, to } = this.#ranges[at]!;
    const left: MissingRange[] = [];
    if (from < number) left.push({ from, to: number - 1n });
    if (to > number) left.push({ from: number + 1n, to });
    this.#ranges.splice(at, 1, ...left);
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
    return true;
  }

  clear(): void {
    this.#ranges.length = 0;
  }

  #indexOf(number: bigint): number {
    return this.#ranges.findIndex(({ from, to }) => number >= from && number <= to);
  }
}
