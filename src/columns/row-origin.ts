/** Where the rows of a batch were read: for messages about one of them, never for each. */
export interface RowOrigin {
  /** @param place - Of the row in the columns, as the source filled them. */
  at(place: number): RowSpot;
}

/** Where a row was read. */
export interface RowSpot {
  /** A file, or what else the source reads from. */
  readonly file: string;
  /** From 1, header lines included; the ordinal of the row where there are no lines. */
  readonly line: number;
}
