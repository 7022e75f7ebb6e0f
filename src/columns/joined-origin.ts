import type { Batch } from './batch.js';
import type { RowOrigin, RowSpot } from './row-origin.js';

/** Runs of which a batch says where they were read, so that rows that come one by one take little memory. */
const RUNS_MAX = 1_024;

/**
 * Where the rows of a batch were read that consists of rows of other batches. Kept as runs of consecutive rows.
 * Runs of runs are flattened: rows may move from batch to batch for as long as a job runs.
 */
export class JoinedOrigin implements RowOrigin {
  readonly #places: number[] = [];
  readonly #origins: RowOrigin[] = [];
  readonly #rows: number[] = [];
  #length = 0;

  /** How many runs there are. */
  get runs(): number {
    return this.#places.length;
  }

  /** Of how many rows it says where they were read. */
  get length(): number {
    return this.#length;
  }

  /** The origin of some rows, in the given order, of a batch with an origin. */
  static pick(origin: RowOrigin, rows: Int32Array): JoinedOrigin {
    const picked = new JoinedOrigin();
    for (const row of rows) picked.add(origin, row, 1);
    return picked;
  }

  /** Adds `count` rows, from `row` on, of a batch with an origin. */
  add(origin: RowOrigin, row: number, count: number): this {
    if (!(origin instanceof JoinedOrigin)) {
      this.#addRun(origin, row, count);
      return this;
    }
    const end = row + count;
    for (let run = origin.#runAt(row); run < origin.#places.length; run++) {
      const from = Math.max(row, origin.#places[run]!);
      const to = Math.min(end, origin.#places[run + 1] ?? end);
      if (from >= to) break;
      this.#addRun(origin.#origins[run]!, origin.#rows[run]! + from - origin.#places[run]!, to - from);
    }
    return this;
  }

  at(place: number): RowSpot {
    const run = this.#runAt(place);
    return this.#origins[run]!.at(this.#rows[run]! + place - this.#places[run]!);
  }

  #addRun(origin: RowOrigin, row: number, count: number): void {
    const last = this.#places.length - 1;
    const follows =
      last >= 0 &&
      this.#origins[last] === origin &&
      row - this.#rows[last]! === this.#length - this.#places[last]!;
    if (!follows) {
      this.#places.push(this.#length);
      this.#origins.push(origin);
      this.#rows.push(row);
    }
    this.#length += count;
  }

  /** The run that a place is in. */
  #runAt(place: number): number {
    let from = 0;
    let to = this.#places.length - 1;
    while (from < to) {
      const middle = (from + to + 1) >> 1;
      if (this.#places[middle]! <= place) from = middle;
      else to = middle - 1;
    }
    return from;
  }
}

/**
 * Notes where rows of a batch were read that are about to be appended to another (`appendRows`). What is not
 * known of the rows of one of them is not known of the others either.
 */
export function appendOrigin(source: Batch, start: number, end: number, target: Batch): void {
  if (start === end) return; // only control records come with it
  const { length, origin: before } = target;
  const { origin } = source;
  if (!origin || (length > 0 && !before)) {
    target.origin = undefined;
    return;
  }
  const joined = length > 0 ? extensible(before!, length) : new JoinedOrigin();
  joined.add(origin, start, end - start);
  target.origin = joined.runs > RUNS_MAX ? undefined : joined;
}

/** Batches that share columns have one origin: only one of them may add to it, the others copy it. */
function extensible(origin: RowOrigin, rows: number): JoinedOrigin {
  const isFree = origin instanceof JoinedOrigin && origin.length === rows;
  return isFree ? origin : new JoinedOrigin().add(origin, 0, rows);
}
