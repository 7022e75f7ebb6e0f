import type { Kernels } from '../kernels/kernels.js';
import type { ByteWindow } from './byte-window.js';
import type { RowScanner, ScanOptions } from './row-scanner.js';

/** Bytes of the first block and of the smallest one. The size adapts to what is found. */
const BLOCK_FIRST = 16_384;
const BLOCK_MIN = 2_048;
/** Added to the estimated size of the wanted rows. */
const BYTES_SPARE = 256;

/**
 * Finds stretches of plain rows by kernels. A plain row is one line, has as many fields as the file, and has quotes
 * only around whole fields. It stops at any other row, which the scanner then reads.
 */
export class PlainRows {
  /** Whether the row after the stretch is not plain. */
  isStopped = false;
  readonly #kernels: Kernels;
  readonly #scan: ScanOptions;
  /** Number of fields that a row needs. */
  readonly #wanted: number;
  readonly #comment: number;
  /** Fields of the rows in the stretch. */
  #fields = 0;
  #blockBytes = BLOCK_FIRST;
  /** Average bytes of a row in the last stretch. */
  #rowBytes = 64;

  constructor(kernels: Kernels, fields: readonly number[], scan: ScanOptions) {
    this.#kernels = kernels;
    this.#scan = scan;
    this.#wanted = fields.at(-1)! + 1;
    this.#comment = scan.comment[0] ?? -1;
  }

  /**
   * Takes plain rows from the front of the window, at most one block, and adds them to a scan of `rowsBefore` rows.
   *
   * @returns The number of rows taken. Their fields can be chosen until any reader of the thread takes other rows.
   */
  take(window: ByteWindow, scanner: RowScanner, rowsBefore: number, rowsMax: number): number {
    const { call, input, bytesMax, bytes, separators, lines, starts } = this.#kernels;
    const { start } = window;
    const most = Math.min(window.linesEnd - start, bytesMax);
    const estimate = Math.ceil(rowsMax * this.#rowBytes * 1.1) + BYTES_SPARE;
    const length = Math.min(most, this.#blockBytes, estimate);
    bytes.set(window.bytes.subarray(start, start + length), input);
    const found = call.findStructure(input, input + length, this.#scan.delimiter);
    const isWhole = call.metOddQuotes() === 0;
    if (found === 0 && isWhole && length < most) {
      this.#blockBytes = Math.min(2 * length, bytesMax);
      this.#rowBytes = bytesMax; // the estimate was too low: do not limit the block until a row is found
      return this.take(window, scanner, rowsBefore, rowsMax);
    }
    const linesMax = Math.min(found, rowsMax, this.#kernels.rowsMax);
    const rows = found === 0 ? 0 : this.#takeRows(lines[0]! + 1, linesMax, start - input);
    // Neither a full batch nor the end of the block is a stop.
    this.isStopped = rows < linesMax || rows === 0 || (!isWhole && rows === found && rows < rowsMax);
    let taken = 0;
    if (rows > 0) {
      taken = separators[rows * this.#fields]! + 1 - input;
      this.#rowBytes = taken / rows;
      scanner.addLines(window, rowsBefore, starts.subarray(0, rows), start + taken);
    }
    if (this.isStopped) this.#blockBytes = Math.max(BLOCK_MIN, Math.min(this.#blockBytes, 2 * taken));
    else this.#blockBytes = Math.max(this.#blockBytes, Math.min(2 * length, bytesMax));
    return rows;
  }

  /** Chooses which field of the rows taken last the kernels read and `bounds` describes. */
  choose(field: number, rows: number): void {
    this.#kernels.call.chooseField(field, this.#fields, rows);
  }

  #takeRows(fields: number, linesMax: number, shift: number): number {
    const { header } = this.#scan;
    if (fields < this.#wanted) return 0;
    if (header && fields !== header.length && fields !== header.length + 1) {
      if (fields !== header.length - 1 || header.at(-1) !== '') return 0;
    }
    this.#fields = fields;
    const endsEmpty = header !== undefined && fields === header.length + 1;
    return this.#kernels.call.takeRows(fields, linesMax, this.#comment, endsEmpty, shift);
  }
}
