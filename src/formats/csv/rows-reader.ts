import type { Batch } from '../../columns/batch.js';
import { type Kernels, kernelsOfThread } from '../kernels/kernels.js';
import type { ByteWindow } from './byte-window.js';
import type { ReadTask } from './column-reader.js';
import type { CsvLayout, PlacedReader } from './csv-layout.js';
import { PlainRows } from './plain-rows.js';
import type { RowScanner, ScanOptions } from './row-scanner.js';

/** Rows that the scanner reads where the kernels stop; doubled each time that they stop again soon. */
const SCANNED_MIN = 8;
const SCANNED_MAX = 8_192;
/** A stretch of fewer rows costs the kernels as much as it would cost the scanner. */
const STRETCH_MIN = 64;
/** The most stretches in a row for which a column's kernel is skipped because it left most rows unread before. */
const SKIPS_MAX = 64;

const NONE_DOUBLED: ReadonlySet<number> = new Set();

/** Reports a field that cannot be read. The row is counted from the first row of the scan. */
export type TellUnread = (
  row: number,
  placed: PlacedReader,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/**
 * Reads rows of a window into a batch: stretches of plain rows by kernels, column by column; the rows between them,
 * and fields that a kernel does not understand, by the scanner and the readers, which can read all.
 */
export class RowsReader {
  readonly #window: ByteWindow;
  readonly #scanner: RowScanner;
  readonly #layout: Pick<CsvLayout, 'fields' | 'readers' | 'constants'>;
  readonly #tell: TellUnread;
  readonly #scanned: ReadTask;
  readonly #byKernels: KernelRows | undefined;
  #scannedRows = SCANNED_MIN;
  /** Rows that the kernels took since they stopped, in all batches. */
  #plainRows = 0;
  /** What the callbacks of the readers refer to: the task, and the row of the scan that is its row 0. */
  #task: ReadTask;
  #firstRow = 0;
  /** For each reader, its callback for a row that it cannot read. */
  readonly #bad: readonly ((row: number) => void)[];

  constructor(
    window: ByteWindow,
    scanner: RowScanner,
    scan: ScanOptions,
    layout: Pick<CsvLayout, 'fields' | 'readers' | 'constants'>,
    tell: TellUnread,
  ) {
    this.#window = window;
    this.#scanner = scanner;
    this.#layout = layout;
    this.#tell = tell;
    const { bounds, numbers, stride, doubled } = scanner;
    this.#scanned = { bytes: window.bytes, bounds, numbers, stride, doubled, from: 0, rows: 0, outRow: 0 };
    this.#task = this.#scanned;
    const kernels = kernelsOfThread();
    this.#byKernels = kernels && newKernelRows(kernels, layout, scan);
    this.#bad = layout.readers.map((placed) => (row: number) => this.#tellOf(placed, row));
  }

  /**
   * Reads at most `rowsMax` rows to the end of a batch, whose length stays as it is, and moves past them.
   *
   * @returns The number of rows. Fewer than `rowsMax`: the window has no whole row left.
   * @throws {DictionaryFullError} by a reader; what was read until then is to be read again.
   */
  read(batch: Batch, rowsMax: number): number {
    const scanner = this.#scanner;
    const window = this.#window;
    if (!scanner.begin(window)) return 0;
    let rows = 0;
    while (rows < rowsMax) {
      let most = rowsMax;
      if (this.#byKernels && window.start < window.linesEnd) {
        const { plain } = this.#byKernels;
        const taken = plain.take(window, scanner, rows, rowsMax - rows);
        if (taken > 0) this.#readPlain(this.#byKernels, batch, rows, taken);
        rows += taken;
        this.#plainRows += taken;
        if (!plain.isStopped) continue;
        const isSoon = this.#plainRows < STRETCH_MIN;
        this.#scannedRows = isSoon ? Math.min(2 * this.#scannedRows, SCANNED_MAX) : SCANNED_MIN;
        this.#plainRows = 0;
        most = Math.min(rowsMax, rows + this.#scannedRows);
      }
      const before = rows;
      rows = scanner.scanOn(window, rows, most);
      this.#readScanned(batch, before, rows);
      if (rows < most) break;
    }
    this.#fillConstants(batch, rows);
    return rows;
  }

  #readScanned(batch: Batch, from: number, rows: number): void {
    if (from === rows) return;
    const task = this.#scanned;
    task.bytes = this.#window.bytes;
    task.from = from;
    task.rows = rows;
    task.outRow = batch.length;
    this.#task = task;
    this.#firstRow = 0;
    for (const [i, { reader, slot, index }] of this.#layout.readers.entries()) {
      reader.read(task, slot, batch.columns[index]!, this.#bad[i]!);
    }
  }

  #readPlain(
    { kernels, plain, task, skips, skipsNext }: KernelRows,
    batch: Batch,
    firstRow: number,
    rows: number,
  ): void {
    const { readers, fields } = this.#layout;
    const outRow = batch.length + firstRow;
    task.outRow = outRow;
    this.#task = task;
    this.#firstRow = firstRow;
    for (let i = 0; i < readers.length; i++) {
      const { reader, slot, index } = readers[i]!;
      const out = batch.columns[index]!;
      const bad = this.#bad[i]!;
      plain.choose(fields[slot]!, rows);
      const left = skips[i]! > 0 ? rows : reader.readBy(kernels, rows, out, outRow);
      if (left === 0) {
        skipsNext[i] = 1;
        continue;
      }
      kernels.call.placeBounds(rows);
      if (2 * left <= rows) {
        skipsNext[i] = 1;
        for (let k = 0; k < left; k++) {
          task.from = kernels.unread[k]!;
          task.rows = task.from + 1;
          reader.read(task, 0, out, bad);
        }
        continue;
      }
      if (skips[i]! > 0) skips[i]!--;
      else {
        skips[i] = skipsNext[i]!;
        skipsNext[i] = Math.min(2 * skipsNext[i]!, SKIPS_MAX);
      }
      task.from = 0;
      task.rows = rows;
      reader.read(task, 0, out, bad);
    }
  }

  #tellOf(placed: PlacedReader, row: number): void {
    const { bytes, bounds, stride } = this.#task;
    const k = row * stride + 2 * (this.#task === this.#scanned ? placed.slot : 0);
    this.#tell(this.#firstRow + row, placed, bytes, bounds[k]!, bounds[k + 1]!);
  }

  #fillConstants(batch: Batch, rows: number): void {
    for (const { index, column, text } of this.#layout.constants) {
      // Looked up only now, since a resumed run must restore the ids of its strings first.
      const id = batch.dictionary(column).idOf(text);
      batch.columns[index]!.fill(id, batch.length, batch.length + rows);
    }
  }
}

/** What reading by kernels needs. */
interface KernelRows {
  readonly kernels: Kernels;
  readonly plain: PlainRows;
  /** The chosen field of the rows that were taken. */
  readonly task: ReadTask;
  /** For each reader: for how many more stretches its kernel is skipped, and for how many after its next failure. */
  readonly skips: Uint8Array;
  readonly skipsNext: Uint8Array;
}

function newKernelRows(
  kernels: Kernels,
  { fields, readers }: Pick<CsvLayout, 'fields' | 'readers'>,
  scan: ScanOptions,
): KernelRows {
  const { bytes, bounds } = kernels;
  const task = { bytes, bounds, numbers: unknownNumbers(bounds.length), stride: 2, doubled: NONE_DOUBLED };
  return {
    kernels,
    plain: new PlainRows(kernels, fields, scan),
    task: { ...task, from: 0, rows: 0, outRow: 0 },
    skips: new Uint8Array(readers.length),
    skipsNext: new Uint8Array(readers.length).fill(1),
  };
}

/** The `numbers` of a task whose fields no scanner has read; all files of a thread share them. */
let unknown = new Int32Array(0);

function unknownNumbers(length: number): Int32Array {
  if (unknown.length < length) unknown = new Int32Array(length).fill(-1);
  return unknown;
}
