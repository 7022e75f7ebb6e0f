export interface FaultSettings {
  readonly gapEvery?: number | undefined;
  readonly duplicateEvery?: number | undefined;
  readonly disorderEvery?: number | undefined;
  readonly disorderBy: number;
  readonly silenceEvery?: number | undefined;
  readonly errorAtRow?: number | undefined;
  readonly errorReads?: number | undefined;
}

/**
 * Decides which faults fall on which row. Everything follows from the number of rows before it, so a
 * position needs only that number.
 */
export class FaultSchedule {
  readonly #settings: FaultSettings;

  constructor(settings: FaultSettings) {
    this.#settings = settings;
  }

  /** Places in a batch that one row may need: for itself and a late row, each twice. */
  get placesPerRow(): number {
    const { duplicateEvery, disorderEvery } = this.#settings;
    return duplicateEvery === undefined && disorderEvery === undefined ? 1 : 4;
  }

  /** How many rows can be made after the first `row` rows before this schedule has to be checked again. */
  rowsToNext(row: number): number {
    const { gapEvery, silenceEvery, duplicateEvery, disorderEvery, disorderBy, errorAtRow } = this.#settings;
    let rows = Number.POSITIVE_INFINITY;
    if (gapEvery !== undefined) rows = Math.min(rows, toMultiple(row, gapEvery));
    if (silenceEvery !== undefined) rows = Math.min(rows, toMultiple(row, silenceEvery));
    if (duplicateEvery !== undefined) rows = Math.min(rows, toMultiple(row, duplicateEvery));
    if (disorderEvery !== undefined) {
      rows = Math.min(rows, toMultiple(row, disorderEvery), toMultiple(row + disorderBy, disorderEvery));
    }
    if (errorAtRow !== undefined && errorAtRow - 1 > row) rows = Math.min(rows, errorAtRow - 1 - row);
    return rows;
  }

  /**
   * Whether the read fails before the row that follows `row` others.
   *
   * @param failed - Reads that have failed there.
   */
  failsAfter = (row: number, failed: number): boolean =>
    row + 1 === this.#settings.errorAtRow && failed < (this.#settings.errorReads ?? Number.POSITIVE_INFINITY);
  gapsAfter = (row: number): boolean => row > 0 && isMultiple(row, this.#settings.gapEvery);
  isSilentAfter = (row: number): boolean => row > 0 && isMultiple(row, this.#settings.silenceEvery);

  /** How often the last of `row` rows comes. */
  copiesOf = (row: number): number => (isMultiple(row, this.#settings.duplicateEvery) ? 2 : 1);
  isHeldBack = (row: number): boolean =>
    isMultiple(row + this.#settings.disorderBy, this.#settings.disorderEvery);
  releasesLate = (row: number): boolean => isMultiple(row, this.#settings.disorderEvery);
  /** The number, counted from 1, of the row held back last among `row` rows. */
  heldBackLast(row: number): number {
    const { disorderBy, disorderEvery } = this.#settings;
    return row - ((row + disorderBy) % (disorderEvery ?? 1));
  }
}

const toMultiple = (row: number, every: number): number => every - (row % every);
const isMultiple = (row: number, every: number | undefined): boolean =>
  every !== undefined && row % every === 0;
