import type { PlainData } from '../../core/plain-data.js';

/**
 * Notices cursors that go round and never end, such as a, b, a, b. It keeps one cursor, whose distance to the newest
 * is doubled again and again (Brent's cycle detection), so a round is noticed within three times its length.
 */
export class CursorRound {
  #kept: string | undefined;
  #steps = 0;
  #stepsMax = 1;

  /**
   * @param from - The cursor of the page that gave it.
   * @returns Whether this cursor has been before.
   */
  isClosedBy(cursor: PlainData, from: PlainData): boolean {
    const text = JSON.stringify(cursor);
    if (text === this.#kept || text === JSON.stringify(from)) return true;
    if (++this.#steps < this.#stepsMax && this.#kept !== undefined) return false;
    this.#kept = text;
    this.#steps = 0;
    this.#stepsMax *= 2;
    return false;
  }
}
