import type { Batch } from '../../columns/batch.js';
import type { MemoryShare } from '../../columns/column-memory.js';
import { readInt64 } from '../../columns/int64.js';
import { retainRows } from '../../columns/selection.js';
import { isRetryable, PipelineError } from '../../core/errors.js';
import type { StageContext } from '../../engine/stage.js';
import type { FileBytes } from '../file-bytes.js';
import type { FileDecoder, FileDirection, RowPosition } from '../file-decoder.js';
import type { ByteWindow } from './byte-window.js';
import type { CsvLayout } from './csv-layout.js';
import { FileTimes, type TellFault } from './file-times.js';
import { type RowFault, rawRow, shown } from './row-faults.js';
import type { RowScanner, ScanOptions } from './row-scanner.js';
import type { ReadingFront } from './rows-ahead.js';
import { RowsReader, type TellUnread } from './rows-reader.js';
import { fieldText } from './split-row.js';
import { STRAYS_MAX, StrayRunError } from './stray-run.js';

/**
 * Decodes CSV directly into the columns of batches: one pass over the bytes finds rows and fields, then
 * the values are read column by column.
 */
export class CsvDecoder implements FileDecoder {
  rowsRejected = 0;
  bytesIn: number;
  readonly #file: string;
  readonly #bytes: FileBytes;
  readonly #window: ByteWindow;
  readonly #scanner: RowScanner;
  readonly #scan: ScanOptions;
  readonly #layout: CsvLayout;
  readonly #context: StageContext;
  readonly #times: FileTimes;
  readonly #rows: RowsReader;
  /** Memory of the window. The results of scans are not counted: all files of a thread share them. */
  readonly #share: MemoryShare;
  /** The first field fault of each row of the last scan that has any. */
  readonly #fieldFaults = new Map<number, RowFault>();
  /** Whether the time of the next row must be judged by the rows after it before it is read. */
  #isNextUnclear = false;
  /** Offset of the first row. */
  readonly #frontOffset: number;
  /** Whether the times of the first rows have not been judged yet. */
  #isAtFront = true;
  /** A permanent read error; thrown once the rows before it have been delivered. */
  #aheadError: { readonly error: unknown } | undefined;
  /** Thrown by the next read, after the rows before it were delivered; and by all later reads, unless retryable. */
  #failure: unknown;
  #failed = false;

  constructor(file: string, parts: CsvDecoderParts) {
    const { bytes, window, scanner, scan, layout, context, direction, maxJumpNs } = parts;
    this.#file = file;
    this.#bytes = bytes;
    this.#window = window;
    this.#scanner = scanner;
    this.#scan = scan;
    this.#layout = layout;
    this.#context = context;
    this.#times = new FileTimes(layout, { direction, maxJumpNs });
    this.#frontOffset = window.offsetOf(window.start);
    this.bytesIn = window.end;
    this.#share = context.memory.share('csv reader');
    this.#share.resize(window.bytes.length);
    this.#rows = new RowsReader(window, scanner, scan, layout, this.#addFieldFault);
  }

  async read(batch: Batch, stopped: () => boolean, lines?: Int32Array): Promise<boolean> {
    for (;;) {
      if (this.#failed) this.#throwFailure();
      await this.#judge();
      if (!this.#failed && (await this.#readSome(batch, lines))) return false;
      if (this.#failed && batch.length === 0) this.#throwFailure();
      if (this.#failed || batch.length === batch.capacity || stopped()) return true;
    }
  }

  position(): RowPosition {
    return {
      offset: this.#scanner.restartOffset(this.#window),
      line: this.#scanner.line,
      previousNs: this.#times.previousNs,
    };
  }

  async resume({ offset, line, previousNs }: RowPosition): Promise<void> {
    await this.#bytes.seek(offset);
    this.#window.reset(offset);
    this.#scanner.restart(line);
    this.#times.previousNs = previousNs;
    this.#isAtFront = offset <= this.#frontOffset;
    this.#isNextUnclear = false;
    this.#times.forgetJudged();
  }

  async close(): Promise<void> {
    this.#share.resize(0);
    await this.#bytes.close();
  }

  /** Judges times by looking ahead, at the front of the file and after a far fall, before the rows are read. */
  async #judge(): Promise<void> {
    try {
      if (this.#isAtFront) await this.#times.judgeFront(this.#nextPosition());
      this.#isAtFront = false;
      if (this.#isNextUnclear) await this.#times.judgeNext(this.#nextPosition());
      this.#isNextUnclear = false;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @returns Whether the file is at its end. */
  async #readSome(batch: Batch, lines: Int32Array | undefined): Promise<boolean> {
    const rejectedBefore = this.rowsRejected;
    const isWindowEmpty = this.#decode(batch, lines);
    if (this.rowsRejected > rejectedBefore) await this.#flushRejects();
    if (this.#failed || !isWindowEmpty) return false;
    if (this.#window.sealed) return true;
    await this.#fill();
    return false;
  }

  #nextPosition(): ReadingFront {
    return {
      file: this.#file,
      window: this.#window,
      line: this.#scanner.line,
      layout: this.#layout,
      scan: this.#scan,
      more: () => this.#readMore(),
    };
  }

  async #fill(): Promise<void> {
    try {
      if (await this.#readMore()) return;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#fail(withLine(this.#aheadError?.error, this.#scanner.line));
  }

  /**
   * @returns Whether the window has more bytes, or knows that the file has ended.
   * @throws A retryable error, so that no row is judged by a part of the rows after it.
   */
  async #readMore(): Promise<boolean> {
    if (this.#aheadError) return false;
    try {
      const chunk = await this.#bytes.next();
      if (chunk) {
        this.#window.append(chunk);
        this.bytesIn += chunk.length;
        this.#share.resize(this.#window.bytes.length);
      } else this.#window.seal();
      return true;
    } catch (error) {
      if (isRetryable(error)) throw error;
      this.#aheadError = { error };
      return false;
    }
  }

  async #flushRejects(): Promise<void> {
    try {
      await this.#context.rejects.flush();
    } catch (error) {
      if (!this.#failed) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#failure = error;
  }

  #throwFailure(): never {
    const failure = this.#failure;
    this.#failed = !isRetryable(failure);
    throw failure;
  }

  /** @returns Whether no whole row is left in the window. */
  #decode(batch: Batch, lines: Int32Array | undefined): boolean {
    const room = batch.capacity - batch.length;
    const scanner = this.#scanner;
    const first = batch.length;
    const begin = { start: this.#window.start, line: scanner.line };
    const before = this.#times.previousNs;
    let scanned = 0;
    let rows: number;
    let strays: PipelineError | undefined;
    try {
      scanned = this.#rows.read(batch, room);
      rows = this.#settleTimes(batch, scanned);
    } catch (error) {
      if (!(error instanceof StrayRunError)) {
        // None of these rows counts as read, so the next read finds them again.
        this.#stopAt(begin, error);
        this.#times.previousNs = before;
        return false;
      }
      strays = this.#tooManyStrays(error);
      rows = error.row;
    }
    if (rows < scanned) this.#giveBack(rows);
    lines?.set(scanner.lines.subarray(0, rows), first);
    batch.length = first + rows;
    if (scanner.faults.length > 0 || this.#fieldFaults.size > 0) this.#settleFaults(batch, first, lines);
    if (strays && !this.#failed) this.#fail(strays);
    if (this.#failed) this.#times.previousNs = this.#lastTime(batch) ?? before;
    return scanned < room && rows === scanned;
  }

  /** @returns How many rows are settled; see `FileTimes.settle`. */
  #settleTimes(batch: Batch, scanned: number): number {
    const first = batch.length;
    const read = { first, end: first + scanned, bad: this.#fieldFaults, offsetOf: this.#offsetOf };
    return this.#times.settle(batch, read, this.#tellFault);
  }

  /** Time of the last row in the batch. */
  #lastTime(batch: Batch): bigint | undefined {
    const { time } = this.#layout;
    if (!time || batch.length === 0) return undefined;
    return readInt64(batch.columns[time.index] as Int32Array, batch.length - 1);
  }

  /** Fails at a row, and continues there if the error is retryable: faults found from that row on are dropped. */
  #stopAt({ start, line }: { readonly start: number; readonly line: number }, error: unknown): void {
    this.#fail(error);
    this.#window.start = start;
    this.#scanner.restart(line);
    this.#scanner.faults.length = 0;
    this.#fieldFaults.clear();
    this.#isNextUnclear = false;
  }

  #tooManyStrays({ row, expected }: StrayRunError): PipelineError {
    const line = this.#scanner.lines[row]!;
    return new PipelineError(
      'INPUT_CORRUPT',
      `${this.#file}:${line}: time: the last ${STRAYS_MAX} rows agree with one another, but each was expected to have ` +
        `${expected}: set "maxJump" higher, or to none, if they are right. Times in another unit need their own file and spec`,
    );
  }

  /** Returns the rows of the last scan from `row` on to the window: they are read again once that row is judged. */
  #giveBack(row: number): void {
    this.#isNextUnclear = true;
    this.#scanner.giveBack(this.#window, row);
    for (const bad of this.#fieldFaults.keys()) if (bad >= row) this.#fieldFaults.delete(bad);
  }

  readonly #offsetOf = (row: number): number => this.#window.offsetOf(this.#scanner.starts[row]!);

  /** Passes bad rows to `rejects` in order, and removes them from the batch. */
  #settleFaults(batch: Batch, first: number, lines: Int32Array | undefined): void {
    const faults = [...this.#scanner.faults, ...this.#fieldFaults.values()].sort((a, b) => a.line - b.line);
    const keep = new Uint8Array(batch.length).fill(1);
    for (const row of this.#fieldFaults.keys()) keep[first + row] = 0;
    this.#fieldFaults.clear();
    for (const { row, start, ...fault } of faults) {
      try {
        this.#context.rejects.add({ file: this.#file, ...fault });
        this.rowsRejected++;
      } catch (error) {
        if (!isRetryable(error)) this.rowsRejected++; // the row is not read again
        // Rows before the bad row are delivered, rows after it are not.
        this.#stopAt({ start, line: fault.line }, error);
        batch.length = first + row;
        break;
      }
    }
    if (lines) {
      let kept = first;
      for (let row = first; row < batch.length; row++) {
        lines[kept] = lines[row]!;
        kept += keep[row]!;
      }
    }
    retainRows(batch, keep);
  }

  readonly #addFieldFault: TellUnread = (row, placed, bytes, start, end) => {
    const { expected } = placed.reader;
    const likely = placed.reader.hint?.(fieldText(bytes, start, end, false));
    const found = shown(bytes, start, end);
    this.#tellFault(row, placed, likely === undefined ? expected : `${expected} (${likely})`, found);
  };

  readonly #tellFault: TellFault = (row, { name: field }, expected, found) => {
    if (this.#fieldFaults.has(row)) return;
    const line = this.#scanner.lines[row]!;
    const end = this.#scanner.endOf(this.#window, row);
    const raw = rawRow(this.#window.bytes, this.#scanner.starts[row]!, end);
    const start = this.#scanner.starts[row]!;
    this.#fieldFaults.set(row, { row, start, line, field, expected, found, raw });
  };
}

export interface CsvDecoderParts {
  readonly bytes: FileBytes;
  /** May hold the first bytes of the file, after the header. */
  readonly window: ByteWindow;
  readonly scanner: RowScanner;
  /** The options of the scanner. */
  readonly scan: ScanOptions;
  readonly layout: CsvLayout;
  readonly context: StageContext;
  readonly direction: FileDirection;
  /** The largest allowed step in time from one row to the next. */
  readonly maxJumpNs: number;
}

/** Adds the line to an error in packed data: it says best where the data is truncated or corrupt. */
function withLine(error: unknown, line: number): unknown {
  if (!(error instanceof PipelineError) || error.code !== 'INPUT_CORRUPT') return error;
  return new PipelineError('INPUT_CORRUPT', `${error.message}, after line ${line - 1}`, {
    cause: error.cause,
  });
}
