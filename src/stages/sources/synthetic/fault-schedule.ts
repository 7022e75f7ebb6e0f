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
 * Which faults fall on which row. All follow from the number of rows before it, so that a position
 * needs no more than that number.
 */
export class FaultSchedule {
  readonly #settings: FaultSettings;

  constructor(settings: FaultSettings) {
    this.#settings = settings;
  }

  /** Places in a batch that one row may need: it and a late one, each twice. */
  get placesPerRow(): number {
    const { duplicateEvery, disorderEvery } = this.#settings;
    return duplicateEvery === undefined && disorderEvery === undefined ? 1 : 4;
  }

  /** How many rows, after the first `row` ones, can be made before the next look at this schedule. */
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
   * Before the row that follows `row` others.
   *
   * @param failed - Reads that have failed there.
   */
  failsAfter = (row: number, failed: number): boolean =>
    row + 1 === this.#settings.errorAtRow && failed < (this.#settings.errorReads ?? Number.POSITIVE_INFINITY);
  gapsAfter = (row: number): boolean => row > 0 && isMultiple(row, this.#settings.gapEvery);
  isSilentAfter = (row: number): boolean => row > 0 && isMultiple(row, this.#settings.silenceEvery);

  /** Of the last of `row` rows. */
  copiesOf = (row: number): number => (isMultiple(row, this.#settings.duplicateEvery) ? 2 : 1);
  isHeldBack = (row: number): boolean =>
    isMultiple(row + this.#settings.disorderBy, this.#settings.disorderEvery);
  releasesLate = (row: number): boolean => isMultiple(row, this.#settings.disorderEvery);
  /** Of `row` rows, the one held back last, counted from 1. */
  heldBackLast(row: number): number {
    const { disorderBy, disorderEvery } = this.#settings;
    return row - ((row + disorderBy) % (disorderEvery ?? 1));
  }
}

const toMultiple = (row: number, every: number): number => every - (row % every);
const isMultiple = (row: number, every: number | undefined): boolean =>
  every !== undefined && row % every === 0;
