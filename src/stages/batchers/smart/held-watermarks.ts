import type { ControlRecord } from '../../../columns/control-record.js';

export type Watermark = Extract<ControlRecord, { type: 'watermark' }>;

/** Of each symbol, and of all of them (`undefined`), the greatest: the others say nothing beside it. */
type BySymbol = Map<string | undefined, Watermark>;

/**
 * Watermarks on their way through a batcher. They may come late, but never before the rows that they
 * stand behind, and those lie in batches that are open. A mark says which: all that were opened by
 * then. Newer ones wait apart, so that the older ones are not put off for their sake again and again.
 */
export class HeldWatermarks {
  #older: BySymbol = new Map();
  #olderMark = 0;
  #newer: BySymbol = new Map();
  #newerMark = 0;

  get isEmpty(): boolean {
    return this.#older.size === 0;
  }

  /** @param mark - Number of the batch opened last. */
  add(record: Watermark, mark = 0): void {
    if (this.#older.size === 0) this.#olderMark = mark;
    else if (mark > this.#olderMark) this.#newerMark = mark;
    const held = mark > this.#olderMark ? this.#newer : this.#older;
    const known = held.get(record.symbol);
    if (known === undefined || record.at > known.at) held.set(record.symbol, record);
  }

  /** Takes those that stand behind no row of an open batch. @param oldest - Number of the oldest one. */
  *takeBehind(oldest: number): Generator<Watermark> {
    while (this.#older.size > 0 && this.#olderMark < oldest) {
      yield* this.#older.values();
      this.#older = this.#newer;
      this.#olderMark = this.#newerMark;
      this.#newer = new Map();
    }
  }

  /** Takes them all: no row stands before them any more. */
  takeAll(): Generator<Watermark> {
    return this.takeBehind(Number.POSITIVE_INFINITY);
  }
}
