import type { OriginNotes } from '../../../columns/merging/merged-rows.js';
import type { RowOrigin } from '../../../columns/row-origin.js';

/** The change of a file's line number from row to row, as it is read: forward or backwards. */
export type LineStep = 1 | -1;

/**
 * The origin of consecutive rows of one file. Their lines are copied, unless no line is skipped; then the
 * first one is enough.
 */
export function originInFile(file: string, lines: Int32Array, rows: number, step: LineStep): RowOrigin {
  const first = lines[0]!;
  if (followOn(lines, 0, rows, step)) return { at: (place) => ({ file, line: first + step * place }) };
  const copied = lines.slice(0, rows);
  return { at: (place) => ({ file, line: copied[place]! }) };
}

/**
 * Whether no line is skipped. Blank lines, bad rows and multi-line fields skip lines. No two rows have
 * the same line.
 */
const followOn = (lines: Int32Array, start: number, rows: number, step: LineStep): boolean =>
  lines[start + rows - 1]! - lines[start]! === step * (rows - 1);

/** Notes where the rows of a batch, from several files, were read. Used for one batch after the other. */
export class LinesInFiles implements OriginNotes<LinedRows> {
  readonly #paths: readonly string[];
  readonly #rowsMax: number;
  readonly #lines: Int32Array;
  #ranks: Uint16Array | Int32Array;
  /** Line step of each file, by rank. */
  readonly #steps: Int8Array;
  /** By rank: lines of the first and the last row in the batch. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** By rank: number of the batch that these lines belong to. */
  readonly #batch: Int32Array;
  #number = 0;
  /** Whether the lines of each file in the batch are consecutive. */
  #followOn = true;

  constructor(paths: readonly string[], rowsMax: number) {
    this.#paths = paths;
    this.#rowsMax = rowsMax;
    this.#lines = new Int32Array(rowsMax);
    this.#ranks = new Uint16Array(0);
    this.#steps = new Int8Array(paths.length);
    this.#first = new Int32Array(paths.length);
    this.#last = new Int32Array(paths.length);
    this.#batch = new Int32Array(paths.length);
  }

  begin(): void {
    this.#number++;
    // With more files than rows, the first lines would take more room than the lines themselves.
    this.#followOn = this.#paths.length <= this.#rowsMax;
    // Allocated anew: a holder of the previous batch may still ask for its lines.
    const isFew = this.#paths.length <= 65_536;
    this.#ranks = isFew ? new Uint16Array(this.#rowsMax) : new Int32Array(this.#rowsMax);
  }

  addRun({ rank, step, lines }: LinedRows, start: number, end: number, at: number): void {
    this.#note(rank, step, lines, start, end - start);
    this.#lines.set(lines.subarray(start, end), at);
    this.#ranks.fill(rank, at, at + end - start);
  }

  addSpread(
    { rank, step, lines }: LinedRows,
    start: number,
    rows: number,
    places: Int32Array,
    first: number,
  ): void {
    this.#note(rank, step, lines, start, rows);
    const ranks = this.#ranks;
    const into = this.#lines;
    for (let i = 0; i < rows; i++) {
      const place = places[first + i]!;
      ranks[place] = rank;
      into[place] = lines[start + i]!;
    }
  }

  finish(rows: number): RowOrigin {
    const paths = this.#paths;
    const ranks = this.#ranks;
    if (!this.#followOn) {
      const lines = this.#lines.slice(0, rows);
      return { at: (place) => ({ file: paths[ranks[place]!]!, line: lines[place]! }) };
    }
    const first = this.#first.slice();
    const steps = this.#steps;
    return {
      at(place) {
        const rank = ranks[place]!;
        let before = 0;
        for (let row = 0; row < place; row++) if (ranks[row] === rank) before++;
        return { file: paths[rank]!, line: first[rank]! + steps[rank]! * before };
      },
    };
  }

  #note(rank: number, step: LineStep, lines: Int32Array, start: number, rows: number): void {
    const line = lines[start]!;
    if (!followOn(lines, start, rows, step)) this.#followOn = false;
    if (this.#batch[rank] !== this.#number) {
      this.#batch[rank] = this.#number;
      this.#steps[rank] = step;
      this.#first[rank] = line;
    } else if (line - this.#last[rank]! !== step) this.#followOn = false;
    this.#last[rank] = lines[start + rows - 1]!;
  }
}

/** Rows of a block of a file. */
export interface LinedRows {
  readonly lines: Int32Array;
  readonly step: LineStep;
  /** Index of the file in the list. */
  readonly rank: number;
}
