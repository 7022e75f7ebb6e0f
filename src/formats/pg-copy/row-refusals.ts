/** Why one row is not written or read. */
export interface RowRefusal {
  /** Index of the row in its batch; of a row that is read, its ordinal in the stream, from 0. */
  readonly row: number;
  /** Name of the column in PostgreSQL. */
  readonly column: string;
  readonly expected: string;
  readonly found: string;
}

/** Collects the refused rows of one step, and marks them. Of each row, the first reason counts. */
export class RowRefusals {
  readonly #marks: Uint8Array;
  #list: RowRefusal[] = [];

  /** @param rowsMax - Rows of a step. */
  constructor(rowsMax: number) {
    this.#marks = new Uint8Array(rowsMax);
  }

  get count(): number {
    return this.#list.length;
  }

  /** @param place - Index within the step. */
  add(place: number, refusal: RowRefusal): void {
    if (this.#marks[place] === 1) return;
    this.#marks[place] = 1;
    this.#list.push(refusal);
  }

  isRefused(place: number): boolean {
    return this.#marks[place] === 1;
  }

  /** Returns what was collected in order of rows, and begins anew. */
  take(): readonly RowRefusal[] {
    if (this.#list.length === 0) return NONE;
    const list = this.#list.sort((a, b) => a.row - b.row);
    this.#list = [];
    this.#marks.fill(0);
    return list;
  }
}

const NONE: readonly RowRefusal[] = [];
