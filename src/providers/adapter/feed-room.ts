import type { ControlRecord } from '../../columns/control-record.js';
import type { Dictionary } from '../../columns/dictionary.js';
import { DroppedSpan } from './dropped-span.js';

/** Why rows were dropped. */
export const DROPPED = 'overflow: the source was read too slowly';

/**
 * The room for rows that wait to be read. Once it is full, rows are dropped until half of those that wait have been
 * read, so that one `gap` tells of many.
 */
export class FeedRoom {
  readonly rowsMax: number;
  readonly #symbols: Dictionary;
  readonly #dropped = new DroppedSpan();
  #isDropping = false;
  #waiters: (() => void)[] = [];
  #rowsDropped = 0;

  /** @param rowsMax - Rows that may wait. */
  constructor(rowsMax: number, symbols: Dictionary) {
    this.rowsMax = rowsMax;
    this.#symbols = symbols;
  }

  /** Whether rows were dropped, and half of those that wait have not been read since. */
  get isDropping(): boolean {
    return this.#isDropping;
  }

  /** Rows dropped so far. */
  get rowsDropped(): number {
    return this.#rowsDropped;
  }

  /** Whether more rows should be written. */
  isRoomy(rowsWaiting: number): boolean {
    return !this.#isDropping && this.isHalf(rowsWaiting);
  }

  isHalf(rowsWaiting: number): boolean {
    return rowsWaiting <= this.rowsMax / 2;
  }

  /** @returns Whether a row is taken in. */
  admits(rowsWaiting: number): boolean {
    if (rowsWaiting >= this.rowsMax) this.#isDropping = true;
    return !this.#isDropping;
  }

  /** Counts a row that is not taken in. */
  drop(symbol: number, ms: number, sub: number): void {
    this.#rowsDropped++;
    this.#dropped.add(symbol, ms, sub);
  }

  /** Takes rows in again. @returns What tells of those that were dropped. */
  reopen(): ControlRecord | undefined {
    if (!this.#isDropping) return undefined;
    this.#isDropping = false;
    return this.#dropped.take((symbol) => this.#symbols.at(symbol), DROPPED);
  }

  /** Resolves with the next `tell`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** Lets those go on who wait for room. */
  tell(): void {
    for (const tell of this.#waiters.splice(0)) tell();
  }
}
