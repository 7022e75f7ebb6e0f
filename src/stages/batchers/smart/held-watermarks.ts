import type { ControlRecord } from '../../../columns/control-record.js';

export type Watermark = Extract<ControlRecord, { type: 'watermark' }>;

/**
 * The greatest watermark of each symbol, and of all symbols together (`undefined`); lower ones add
 * nothing.
 */
type BySymbol = Map<string | undefined, Watermark>;

/**
 * Watermarks on their way through a batcher. They may be late, but must not overtake the rows before
 * them, which are in open batches. A mark tells which batches: all that were opened up to it. Newer
 * watermarks wait separately, so that they do not delay the older ones again and again.
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

  /**
   * Takes the watermarks that are not behind a row of an open batch.
   *
   * @param oldest - Number of the oldest open batch.
   */
  *takeBehind(oldest: number): Generator<Watermark> {
    while (this.#older.size > 0 && this.#olderMark < oldest) {
      yield* this.#older.values();
      this.#older = this.#newer;
      this.#olderMark = this.#newerMark;
      this.#newer = new Map();
    }
  }

  /** Takes all watermarks: no rows before them are left. */
  takeAll(): Generator<Watermark> {
    return this.takeBehind(Number.POSITIVE_INFINITY);
  }
}
