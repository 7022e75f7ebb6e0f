/** Numbers without a row, from one to another, both included. */
export interface MissingRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** A range as it was found, and how many of its numbers are missing still. */
export interface MissingHole extends MissingRange {
  left: number;
}

/** Holes of one chain whose numbers are known. Of older ones it is only counted what is left. */
const KNOWN_MAX = 64;
/** Holes of one chain that are counted. */
const HOLES_MAX = 1_024;
/** What is left of known holes, in ranges. */
const RANGES_MAX = 4_096;

/**
 * The numbers of one chain that no row has come with. Bounded: of the oldest ones it is forgotten which are missing, so
 * their rows count as delivered. They are left in their hole, so nobody takes it for whole.
 */
export class MissingNumbers {
  /** In ascending order. */
  readonly #ranges: MissingRange[] = [];
  /** Those with something left, in the order in which they were found. */
  readonly #holes: MissingHole[] = [];

  /** @param range - Numbers that are not in it yet. */
  add({ from, to }: MissingRange): MissingHole {
    const hole = { from, to, left: Number(to - from) + 1 };
    const after = this.#ranges.findIndex((range) => range.from > to);
    this.#ranges.splice(after < 0 ? this.#ranges.length : after, 0, { from, to });
    this.#holes.push(hole);
    const old = this.#holes.at(-1 - KNOWN_MAX);
    if (old) this.#forgetRanges(old);
    if (this.#holes.length > HOLES_MAX) this.#holes.shift();
    this.#bound();
    return hole;
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
    this.#bound();
    this.#count(number);
    return true;
  }

  /** A row with this number was fetched, which nobody has delivered. @returns Whether it was missing. */
  fetch(number: bigint): boolean {
    return this.take(number) || this.#count(number);
  }

  /** Their rows count as delivered if they come, and as missing until they are fetched. */
  forget(): void {
    this.#ranges.length = 0;
  }

  /** Numbers from here on have nothing to do with those before. */
  clear(): void {
    this.#ranges.length = 0;
    this.#holes.length = 0;
  }

  /** @returns Whether the number is of a hole. */
  #count(number: bigint): boolean {
    const at = this.#holes.findLastIndex(({ from, to }) => number >= from && number <= to);
    if (at < 0) return false;
    if (--this.#holes[at]!.left === 0) this.#holes.splice(at, 1);
    return true;
  }

  #forgetRanges(hole: MissingHole): void {
    const first = this.#ranges.findIndex(({ from }) => from >= hole.from);
    if (first < 0) return;
    let end = first;
    while (end < this.#ranges.length && this.#ranges[end]!.to <= hole.to) end++;
    this.#ranges.splice(first, end - first);
  }

  #bound(): void {
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
  }

  #indexOf(number: bigint): number {
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const { from, to } = this.#ranges[middle]!;
      if (number < from) high = middle - 1;
      else if (number > to) low = middle + 1;
      else return middle;
    }
    return -1;
  }
}
