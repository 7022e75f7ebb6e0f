/**
 * Says which stage the thread is in, in a cell that a watchdog reads if the thread does not come back. Two plain writes
 * for each call of a stage.
 */
export class StagesAtWork {
  readonly #cell: Int32Array<ArrayBufferLike>;
  readonly #places: ReadonlyMap<string, number>;

  /**
   * @param ids - Of all stages, as `placesOf` counts them.
   * @param cell - One cell; shared if somebody looks.
   */
  constructor(ids: readonly string[], cell: Int32Array<ArrayBufferLike> = new Int32Array(1)) {
    this.#cell = cell;
    this.#places = new Map(ids.map((id, i) => [id, i + 1]));
  }

  /** The place of a stage by its id, counted from 1; 0 if there is none. */
  placeOf(id: string): number {
    return this.#places.get(id) ?? 0;
  }

  /** @returns Where the thread was before, for `leave`. */
  enter(place: number): number {
    const before = this.#cell[0]!;
    this.#cell[0] = place;
    return before;
  }

  leave(before: number): void {
    this.#cell[0] = before;
  }
}
