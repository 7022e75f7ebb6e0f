import type { Batch } from '../../columns/batch.js';
import type { MemoryShare } from '../../columns/column-memory.js';
import { readInt64 } from '../../columns/int64.js';
import { retainRows } from '../../columns/selection.js';
import { isRetryable, PipelineError } from '../../core/errors.js';
import type { StageContext } from '../../engine/stage.js';
import type { FileBytes } from '../file-bytes.js';
import type { FileDecoder, FileDirection, RowPlace } from '../file-decoder.js';
import type { ByteWindow } from './byte-window.js';
import type { ReadTask } from './column-reader.js';
import type { CsvLayout } from './csv-layout.js';
import { FileTimes, type TellFault } from './file-times.js';
import { type RowFault, rawRow, shown } from './row-faults.js';
import type { RowScanner, ScanOptions } from './row-scanner.js';
import type { FilePlace } from './rows-ahead.js';
import { fieldText } from './split-row.js';
import { STRAYS_MAX, StrayRunError } from './stray-run.js';

/**
 * Decodes CSV straight into the columns of batches: finds rows and fields in one pass over the
 * bytes, then reads column by column.
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
  readonly #task: ReadTask;
  /** Of the window. What scans find has one memory a thread, however many files are read. */
  readonly #share: MemoryShare;
  /** By reader: what to do with a row that it cannot read. */
  readonly #bad: ((row: number) => void)[];
  /** The first fault of each row of the last scan that has one in a field. */
  readonly #fieldFaults = new Map<number, RowFault>();
  /** Whether the next row is to be judged by those after it before it is read. */
  #isNextUnclear = false;
  /** Where the first row begins. */
  readonly #frontOffset: number;
  /** Whether the times of the first rows are still to be judged. */
  #isAtFront = true;
  /** Why no more bytes can be read, ever: thrown when the rows before it are given out. */
  #aheadError: { readonly error: unknown } | undefined;
  /** Thrown by the next read, since rows from before it go first; by each one after it, unless it may pass. */
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
    const { bounds, numbers, stride, doubled } = scanner;
    this.#task = { bytes: window.bytes, bounds, numbers, stride, doubled, rows: 0, outRow: 0 };
    this.#bad = layout.readers.map((_, reader) => (row) => this.#addFieldFault(reader, row));
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

  position(): RowPlace {
    return {
      offset: this.#scanner.restartOffset(this.#window),
      line: this.#scanner.line,
      previousNs: this.#times.previousNs,
    };
  }

  async resume({ offset, line, previousNs }: RowPlace): Promise<void> {
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

  /** Rows that tell more together: before one of them is read. */
  async #judge(): Promise<void> {
    try {
      if (this.#isAtFront) await this.#times.judgeFront(this.#nextPlace());
      this.#isAtFront = false;
      if (this.#isNextUnclear) await this.#times.judgeNext(this.#nextPlace());
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

  #nextPlace(): FilePlace {
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
   * @returns Whether the window has more bytes, or knows that there are none.
   * @throws What may pass: nothing is to be judged by what is there without the rest.
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

  /** @returns Whether the window holds no whole row any more. */
  #decode(batch: Batch, lines: Int32Array | undefined): boolean {
    const room = batch.capacity - batch.length;
    const scanner = this.#scanner;
    const first = batch.length;
    const begin = { start: this.#window.start, line: scanner.line };
    const before = this.#times.previousNs;
    const scanned = scanner.scan(this.#window, room);
    const task = this.#task;
    task.bytes = this.#window.bytes;
    task.rows = scanned;
    task.outRow = first;
    let rows: number;
    let strays: PipelineError | undefined;
    try {
      rows = this.#readColumns(batch, scanned);
    } catch (error) {
      if (!(error instanceof StrayRunError)) {
        // None of them is read, and the next start finds them all again.
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
  #readColumns(batch: Batch, scanned: number): number {
    const { readers, constants } = this.#layout;
    const first = batch.length;
    for (let i = 0; i < readers.length; i++) {
      const { reader, slot, index } = readers[i]!;
      reader.read(this.#task, slot, batch.columns[index]!, this.#bad[i]!);
    }
    for (const { index, column, text } of constants) {
      // Looked up here and not before, since a resumed run gives strings their old ids first.
      batch.columns[index]!.fill(batch.dictionary(column).idOf(text), first, first + scanned);
    }
    const read = { first, end: first + scanned, bad: this.#fieldFaults, offsetOf: this.#offsetOf };
    return this.#times.settle(batch, read, this.#tellFault);
  }

  /** Of the last row that was kept. */
  #lastTime(batch: Batch): bigint | undefined {
    const { time } = this.#layout;
    if (!time || batch.length === 0) return undefined;
    return readInt64(batch.columns[time.index] as Int32Array, batch.length - 1);
  }

  /** It ends here, and is gone on with here: what was found from there on does not count. */
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
        `${expected}: set "maxJump" higher, or to none, if they are right. Times in another unit need a file and a spec of their own`,
    );
  }

  /** Gives back the rows of the last scan from one on: they are read again, once it is judged. */
  #giveBack(row: number): void {
    this.#isNextUnclear = true;
    this.#scanner.giveBack(this.#window, row);
    for (const bad of this.#fieldFaults.keys()) if (bad >= row) this.#fieldFaults.delete(bad);
  }

  readonly #offsetOf = (row: number): number => this.#window.offsetOf(this.#scanner.starts[row]!);

  /** Hands bad rows to `rejects` in their order, and takes them out of the batch. */
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
        if (!isRetryable(error)) this.rowsRejected++; // it will not come again
        // Rows before the bad one are delivered, those behind it are not.
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

  #addFieldFault(reader: number, row: number): void {
    const placed = this.#layout.readers[reader]!;
    const { expected } = placed.reader;
    const { bytes, bounds, stride } = this.#task;
    const k = row * stride + 2 * placed.slot;
    const hint = placed.reader.hint?.(fieldText(bytes, bounds[k]!, bounds[k + 1]!, false));
    const found = shown(bytes, bounds[k]!, bounds[k + 1]!);
    this.#tellFault(row, placed, hint === undefined ? expected : `${expected} (${hint})`, found);
  }

  readonly #tellFault: TellFault = (row, { name: field }, expected, found) => {
    if (this.#fieldFaults.has(row)) return;
    const line = this.#scanner.lines[row]!;
    const end = this.#scanner.endOf(this.#window, row);
    const raw = rawRow(this.#task.bytes, this.#scanner.starts[row]!, end);
    const start = this.#scanner.starts[row]!;
    this.#fieldFaults.set(row, { row, start, line, field, expected, found, raw });
  };
}

export interface CsvDecoderParts {
  readonly bytes: FileBytes;
  /** May hold the first bytes of the file, the header not among them. */
  readonly window: ByteWindow;
  readonly scanner: RowScanner;
  /** What the scanner was made with. */
  readonly scan: ScanOptions;
  readonly layout: CsvLayout;
  readonly context: StageContext;
  readonly direction: FileDirection;
  /** The most that time may pass from a row to the next. */
  readonly maxJumpNs: number;
}

/** Where packed data are cut off or spoilt is best told by the lines that came out. */
function withLine(error: unknown, line: number): unknown {
  if (!(error instanceof PipelineError) || error.code !== 'INPUT_CORRUPT') return error;
  return new PipelineError('INPUT_CORRUPT', `${error.message}, after line ${line - 1}`, {
    cause: error.cause,
  });
}
