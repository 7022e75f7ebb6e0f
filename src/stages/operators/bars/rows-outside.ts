/** Rows that are in no window: they are counted, and left out. */
export class RowsOutside {
  /** Between two windows. */
  outside = 0;
  /** At times of which nobody knows whether there is a window. */
  unknown = 0;
  /** Input bars that reach over the edge of a window, so that what it holds is not its own alone. */
  reaching = 0;
  readonly #refuse: ((timeNs: bigint) => void) | undefined;

  /** @param refuse - Called for rows at times that are not known; throws if these end the run. */
  constructor(refuse?: (timeNs: bigint) => void) {
    this.#refuse = refuse;
  }

  get count(): number {
    return this.outside + this.unknown;
  }

  addUnknown(timeNs: bigint): void {
    this.#refuse?.(timeNs);
    this.unknown++;
  }
}
