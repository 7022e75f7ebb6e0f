import type { ByteWindow } from './byte-window.js';
import type { CsvLayout, PlacedReader } from './csv-layout.js';
import { RowScanner, type ScanOptions } from './row-scanner.js';
import type { TimeReader } from './time-readers.js';

/** Bytes within which rows are looked for. */
const BYTES_MAX = 1_048_576;

/** Where a file is read, and how. */
export interface FilePlace {
  readonly file: string;
  readonly window: ByteWindow;
  /** Of the row that comes next. */
  readonly line: number;
  readonly layout: CsvLayout;
  readonly scan: ScanOptions;
  /** Adds bytes to the window. @returns Whether it could. */
  more(): Promise<boolean>;
}

/** Rows that were looked at. */
export interface RowsAhead {
  readonly count: number;
  readonly scanner: RowScanner;
  readonly bytes: Uint8Array;
}

/**
 * Finds the rows that come next, and leaves them in the window.
 *
 * @param look - Is given them at once and may not keep them: a promise that is waited for lets other
 *   files scan meanwhile, into the same memory.
 */
export async function lookAhead<Seen>(
  { window, line, layout, scan, more }: FilePlace,
  rowsMax: number,
  look: (rows: RowsAhead) => Seen,
): Promise<Seen> {
  const scanner = new RowScanner(layout.fields, rowsMax, scan);
  for (let hasMore = true; ; hasMore = await more()) {
    const { start } = window;
    scanner.restart(line);
    const count = scanner.scan(window, rowsMax);
    window.start = start;
    const isEnough = count === rowsMax || window.sealed || window.end - start >= BYTES_MAX;
    if (isEnough || !hasMore) return look({ count, scanner, bytes: window.bytes });
  }
}

/** Times that can be read, in order, and the row of each. */
export interface TimesAhead {
  readonly words: Int32Array;
  readonly rows: readonly number[];
}

export function timesAhead(
  { count, scanner, bytes }: RowsAhead,
  { slot, reader }: PlacedReader<TimeReader>,
): TimesAhead {
  const { bounds, numbers, stride, doubled } = scanner;
  const words = new Int32Array(2 * count);
  const bad = new Set<number>();
  const task = { bytes, bounds, numbers, stride, doubled, rows: count, outRow: 0 };
  reader.read(task, slot, words, (row) => bad.add(row));
  reader.zone.forgetDoubled();
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row));
  rows.forEach((row, i) => {
    words.copyWithin(2 * i, 2 * row, 2 * row + 2);
  });
  return { words: words.subarray(0, 2 * rows.length), rows };
}
