/** From and to, both inclusive. */
export type IndexRange = readonly [from: number, to: number];

/** Number of ranges beyond which neighbours are merged. This bounds memory and errs towards "not seen". */
const RANGES_MAX = 4_096;

/** A set of window indexes, kept as ordered ranges. Adjacent ranges are merged. */
export class IndexRanges {
  #ranges: IndexRange[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  get ranges(): readonly IndexRange[] {
    return this.#ranges;
  }

  add(from: number, to: number): void {
    if (this.#ranges.some((range) => range[0] <= from && to <= range[1])) return;
    const before = this.#ranges.filter((range) => range[1] < from - 1);
    const after = this.#ranges.filter((range) => range[0] > to + 1);
    const joined = this.#ranges.slice(before.length, this.#ranges.length - after.length);
    const first = joined[0]?.[0] ?? from;
    const last = joined.at(-1)?.[1] ?? to;
    this.#ranges = [...before, [Math.min(from, first), Math.max(to, last)], ...after];
    if (this.#ranges.length > RANGES_MAX) {
      const [left, right] = this.#ranges.splice(-2) as [IndexRange, IndexRange];
      this.#ranges.push([left[0], right[1]]);
    }
  }

  has(index: number): boolean {
    return this.#ranges.some(([from, to]) => from <= index && index <= to);
  }

  /** The greatest index in the set; `-Infinity` if it is empty. */
  get last(): number {
    return this.#ranges.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY;
  }

  /** The smallest index in the set from `index` on; `Infinity` if there is none. */
  next(index: number): number {
    const range = this.#ranges.find(([, to]) => to >= index);
    return range ? Math.max(range[0], index) : Number.POSITIVE_INFINITY;
  }

  /** The smallest index above `index` at which the set begins or ends; `Infinity` if there is none. */
  nextEdge(index: number): number {
    for (const [from, to] of this.#ranges) {
      if (from > index) return from;
      if (to >= index) return to + 1;
    }
    return Number.POSITIVE_INFINITY;
  }

  forgetBelow(index: number): void {
    while (this.#ranges.length > 0 && this.#ranges[0]![1] < index) this.#ranges.shift();
  }
}
