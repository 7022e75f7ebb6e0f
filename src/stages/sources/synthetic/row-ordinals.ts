import type { RowOrigin, RowSpot } from '../../../columns/row-origin.js';

/** Which row is at each place of a batch, kept as runs of consecutive rows. */
export class RowOrdinals implements RowOrigin {
  readonly #places: number[] = [];
  readonly #ordinals: number[] = [];

  /**
   * Notes that consecutive rows from `ordinal` on, counted from 1, begin at `place`. Call in order of
   * `place`.
   */
  add(place: number, ordinal: number): void {
    const last = this.#places.length - 1;
    if (last >= 0 && place - this.#places[last]! === ordinal - this.#ordinals[last]!) return;
    if (this.#places[last] === place) {
      this.#ordinals[last] = ordinal; // the earlier row there was removed
      return;
    }
    this.#places.push(place);
    this.#ordinals.push(ordinal);
  }

  at(place: number): RowSpot {
    let run = this.#places.length - 1;
    while (run > 0 && this.#places[run]! > place) run--;
    return { file: 'synthetic', line: this.#ordinals[run]! + place - this.#places[run]! };
  }
}
