import type { RowSpot } from '../../columns/row-origin.js';

/** A row whose file nobody knows any more, since rows were copied or made on the way: by the stage that it came to. */
export interface StageSpot {
  /** Id of the stage. */
  readonly stage: string;
  /** Counted from 1, of the rows that the stage was given. */
  readonly row: number;
}

/** Where a late row was read or, if that is not known, where it was found to be late. */
export type LateSpot = RowSpot | StageSpot;

export const textOfSpot = (spot: LateSpot): string =>
  'stage' in spot ? `row ${spot.row} of ${spot.stage}` : `${spot.file}:${spot.line}`;

/** As dead letters say it: the stage stands for the file. */
export const spotOfLetter = (spot: LateSpot): RowSpot =>
  'stage' in spot ? { file: spot.stage, line: spot.row } : spot;
