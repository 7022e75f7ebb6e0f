import type { ByteWindow } from './byte-window.js';
import type { CsvLayout, PlacedReader } from './csv-layout.js';
import { RowScanner, type ScanOptions } from './row-scanner.js';
import type { TimeReader } from './time-readers.js';

/** Looks ahead at most this many bytes. */
const BYTES_MAX = 1_048_576;

/** The place where a file is being read, and how it is read. */
export interface ReadingFront {
  readonly file: string;
  readonly window: ByteWindow;
  /** Line of the next row. */
  readonly line: number;
  readonly layout: CsvLayout;
  readonly scan: ScanOptions;
  /** Adds bytes to the window. @returns Whether it could. */
  more(): Promise<boolean>;
}

/** The rows found by `lookAhead`. */
export interface RowsAhead {
  readonly count: number;
  readonly scanner: RowScanner;
  readonly bytes: Uint8Array;
}

/**
 * Scans the next rows, but leaves them in the window.
 *
 * @param look - Called synchronously with the rows, and must not keep them: other files scan into the
 *   same memory.
 */
export async function lookAhead<Seen>(
  { window, line, layout, scan, more }: ReadingFront,
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

/** The readable times, in order, and the row of each. */
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
  const task = { bytes, bounds, numbers, stride, doubled, from: 0, rows: count, outRow: 0 };
  reader.read(task, slot, words, (row) => bad.add(row));
  reader.zone.forgetDoubled();
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => !bad.has(row));
  rows.forEach((row, i) => {
    words.copyWithin(2 * i, 2 * row, 2 * row + 2);
  });
  return { words: words.subarray(0, 2 * rows.length), rows };
}
