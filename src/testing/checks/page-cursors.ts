import type { PlainData } from '../../core/plain-data.js';
import { findNotPlain } from '../../wire/not-plain.js';

/** The cursors that the pages of one history, or of one list, have given. */
export class PageCursors {
  readonly #pagesMax: number;
  readonly #seen = new Set<string>();

  /** @param pagesMax - Pages within which the end has to come. */
  constructor(pagesMax: number) {
    this.#pagesMax = pagesMax;
  }

  /** What is wrong with the cursor of the next page; `undefined`: it can be asked for. */
  complaint(next: PlainData): string | undefined {
    const notPlain = findNotPlain(next);
    if (notPlain) return `expected a cursor of plain data, found ${notPlain.found}`;
    if (next === null) return undefined;
    const text = JSON.stringify(next);
    if (this.#seen.has(text)) return `gave the cursor ${text} again: its pages would not end`;
    this.#seen.add(text);
    return this.#seen.size < this.#pagesMax
      ? undefined
      : `does not end within ${this.#pagesMax} pages: if there are more, set "pagesMax", or ask for less`;
  }
}
