/** Where the rows of a batch were read. For messages about single rows: too slow to call for each row. */
export interface RowOrigin {
  /** @param place - Index of the row in the columns, as the source filled them. */
  at(place: number): RowSpot;
}

/** Where a row was read. */
export interface RowSpot {
  /** The file, or whatever else the source reads from. */
  readonly file: string;
  /** Counted from 1, header lines included; the ordinal of the row if the source has no lines. */
  readonly line: number;
}

/** Where the rows of a batch were read, once only the rows at some positions are left and packed. */
export function packedOrigin(origin: RowOrigin, selection: Int32Array, count: number): RowOrigin {
  const moved = selection.slice(0, count); // a copy, since the memory is reused
  return { at: (place) => origin.at(moved[place]!) };
}
