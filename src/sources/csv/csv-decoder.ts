import type { Batch } from '../../core/batch.js';
import type { MemoryShare } from '../../core/column-memory.js';
import { PipelineError } from '../../core/errors.js';
import { retainRows } from '../../core/selection.js';
import type { StageContext } from '../../pipeline/stage.js';
import type { FileBytes } from '../file-bytes.js';
import type { FileDecoder, RowPlace, RowPlaces } from '../file-decoder.js';
import type { ByteWindow } from './byte-window.js';
import type { ReadTask } from './column-reader.js';
import type { CsvLayout } from './csv-layout.js';
import { type RowFault, rawRow, shown } from './row-faults.js';
import type { RowScanner } from './row-scanner.js';

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
  readonly #layout: CsvLayout;
  readonly #context: StageContext;
  readonly #task: ReadTask;
  /** Of the window and the scanner's arrays. */
  readonly #share: MemoryShare;
  /** By reader: what to do with a row that it cannot read. */
  readonly #bad: ((row: number) => void)[];
  /** The first fault of each row of the last scan that has one in a field. */
  readonly #fieldFaults = new Map<number, RowFault>();
  /** Thrown by the next read: rows from before it go first. */
  #failure: unknown;
  #failed = false;

  constructor(file: string, { bytes, window, scanner, layout, context }: CsvDecoderParts) {
    this.#file = file;
    this.#bytes = bytes;
    this.#window = window;
    this.#scanner = scanner;
    this.#layout = layout;
    this.#context = context;
    this.bytesIn = window.end;
    this.#share = context.memory.share('csv reader');
    this.#share.resize(scanner.bytes + window.bytes.length);
    const { bounds, numbers, stride, doubled } = scanner;
    this.#task = { bytes: window.bytes, bounds, numbers, stride, doubled, rows: 0, outRow: 0 };
    this.#bad = layout.readers.map((_, reader) => (row) => this.#addFieldFault(reader, row));
  }

  async read(batch: Batch, stopped: () => boolean, places?: RowPlaces): Promise<boolean> {
    for (;;) {
      if (this.#failed) throw this.#failure;
      const rejectedBefore = this.rowsRejected;
      const isWindowEmpty = this.#decode(batch, places);
      if (this.rowsRejected > rejectedBefore) await this.#flushRejects();
      if (!this.#failed && isWindowEmpty) {
        if (this.#window.sealed) return false;
        await this.#fill();
      }
      if (this.#failed && batch.length === 0) throw this.#failure;
      if (this.#failed || batch.length === batch.capacity || stopped()) return true;
    }
  }

  position(): RowPlace {
    return { offset: this.#scanner.restartOffset(this.#window), line: this.#scanner.line };
  }

  async resume({ offset, line }: RowPlace): Promise<void> {
    await this.#bytes.seek(offset);
    this.#window.reset(offset);
    this.#scanner.restart(line);
  }

  async close(): Promise<void> {
    this.#share.resize(0);
    await this.#bytes.close();
  }

  async #fill(): Promise<void> {
    try {
      const chunk = await this.#bytes.next();
      if (chunk) {
        this.#window.append(chunk);
        this.bytesIn += chunk.length;
        this.#share.resize(this.#scanner.bytes + this.#window.bytes.length);
      } else this.#window.seal();
    } catch (error) {
      this.#fail(withLine(error, this.#scanner.line));
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

  /** @returns Whether the window holds no whole row any more. */
  #decode(batch: Batch, places: RowPlaces | undefined): boolean {
    const room = batch.capacity - batch.length;
    const scanner = this.#scanner;
    const rows = scanner.scan(this.#window, room);
    const first = batch.length;
    const task = this.#task;
    task.bytes = this.#window.bytes;
    task.rows = rows;
    task.outRow = first;
    const { readers, constants } = this.#layout;
    for (let i = 0; i < readers.length; i++) {
      const { reader, slot, index } = readers[i]!;
      reader.read(task, slot, batch.columns[index]!, this.#bad[i]!);
    }
    for (const { index, column, text } of constants) {
      // Looked up here and not before, since a resumed run gives strings their old ids first.
      batch.columns[index]!.fill(batch.dictionary(column).idOf(text), first, first + rows);
    }
    if (places) this.#notePlaces(places, first, rows);
    batch.length = first + rows;
    if (scanner.faults.length > 0 || this.#fieldFaults.size > 0) this.#settleFaults(batch, first, places);
    return rows < room;
  }

  #notePlaces({ offsets, lines }: RowPlaces, first: number, rows: number): void {
    for (let row = 0; row < rows; row++) {
      offsets[first + row] = this.#window.offsetOf(this.#scanner.starts[row]!);
      lines[first + row] = this.#scanner.lines[row]!;
    }
  }

  /** Hands bad rows to `rejects` in their order, and takes them out of the batch. */
  #settleFaults(batch: Batch, first: number, places: RowPlaces | undefined): void {
    const faults = [...this.#scanner.faults, ...this.#fieldFaults.values()].sort((a, b) => a.line - b.line);
    const keep = new Uint8Array(batch.length).fill(1);
    for (const row of this.#fieldFaults.keys()) keep[first + row] = 0;
    this.#fieldFaults.clear();
    for (const { row, ...fault } of faults) {
      this.rowsRejected++;
      try {
        this.#context.rejects.add({ file: this.#file, ...fault });
      } catch (error) {
        // It stops here: rows before the bad one are delivered, those behind it are not.
        this.#fail(error);
        batch.length = first + row;
        break;
      }
    }
    if (places) {
      let kept = 0;
      for (let row = 0; row < batch.length; row++) {
        places.offsets[kept] = places.offsets[row]!;
        places.lines[kept] = places.lines[row]!;
        kept += keep[row]!;
      }
    }
    retainRows(batch, keep);
  }

  #addFieldFault(reader: number, row: number): void {
    const { slot, name, reader: columnReader } = this.#layout.readers[reader]!;
    if (this.#fieldFaults.has(row)) return;
    const { bytes, bounds, stride } = this.#task;
    const k = row * stride + 2 * slot;
    this.#fieldFaults.set(row, {
      row,
      line: this.#scanner.lines[row]!,
      field: name,
      expected: columnReader.expected,
      found: shown(bytes, bounds[k]!, bounds[k + 1]!),
      raw: rawRow(bytes, this.#scanner.starts[row]!, this.#scanner.endOf(this.#window, row)),
    });
  }
}

export interface CsvDecoderParts {
  readonly bytes: FileBytes;
  /** May hold the first bytes of the file, the header not among them. */
  readonly window: ByteWindow;
  readonly scanner: RowScanner;
  readonly layout: CsvLayout;
  readonly context: StageContext;
}

/** Where packed data are cut off or spoilt is best told by the lines that came out. */
function withLine(error: unknown, line: number): unknown {
  if (!(error instanceof PipelineError) || error.code !== 'INPUT_CORRUPT') return error;
  return new PipelineError('INPUT_CORRUPT', `${error.message}, after line ${line - 1}`, {
    cause: error.cause,
  });
}
