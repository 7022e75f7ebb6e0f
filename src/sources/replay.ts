import { appendRows, type Batch } from '../core/batch.js';
import { BatchPool } from '../core/batch-pool.js';
import { sleepUntil } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { readNanos } from '../core/int64.js';
import { invariant } from '../core/invariant.js';
import type { PlainData } from '../core/plain-data.js';
import { columnIndex, findColumn, type Schema } from '../core/schema.js';
import type { SourceFactory } from '../pipeline/factories.js';
import type { Source, SourceCapabilities } from '../pipeline/source.js';
import type { StageContext } from '../pipeline/stage.js';
import type { ReplayOptions } from '../settings/replay-options.js';
import { csvFormat } from './csv/csv-format.js';
import { EventPace } from './event-pace.js';
import type { FileDecoder, FileFormat, RowPlace, RowPlaces } from './file-decoder.js';
import { listFiles } from './file-list.js';

/** How rows stand in files, by the name that the option `format` gives. */
const FORMATS: Readonly<Record<ReplayOptions['format'], FileFormat<ReplayOptions>>> = { csv: csvFormat };

/** Rows recorded in files, as fast as they can be read or in the time in which they happened. */
export const replaySource: SourceFactory<ReplayOptions> = {
  plan(options, problems) {
    const schema = FORMATS[options.format].plan(options, problems);
    if (options.speed !== 'max' && findColumn(schema, 'time')?.type !== 'timestamp') {
      problems.add(['speed'], 'expected "max": a speed needs a column "time" of type timestamp');
    }
    return schema;
  },

  create(options, context) {
    const schema = FORMATS[options.format].plan(options, { add() {} });
    return new ReplaySource(options, schema, context);
  },
};

/** Rows that were read and are not due yet. */
interface Held {
  readonly batch: Batch;
  /** The first one that is left. */
  next: number;
}

/** Where the next row stands: plain data. */
interface ReplayPosition {
  readonly file: number;
  readonly path: string;
  readonly offset: number;
  readonly line: number;
  /** Time of the row before it in the file, ns since 1970, as text; `null` where there is none. */
  readonly previousNs: string | null;
}

class ReplaySource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities = { delivery: 'replayable', bounded: true };
  readonly #options: ReplayOptions;
  readonly #context: StageContext;
  readonly #pool: BatchPool;
  readonly #pace: EventPace | undefined;
  readonly #places: RowPlaces | undefined;
  readonly #stop = new AbortController();
  readonly #isStopped = () => this.#stop.signal.aborted;
  #files: readonly string[] = [];
  #file = 0;
  #decoder: FileDecoder | undefined;
  /** Of the file that is next, where it is not begun at the front. */
  #resumeAt: ReplayPosition | undefined;
  /** Whether no row of the open file was paced yet. */
  #isFileNew = true;
  #held: Held | undefined;
  /** Time of the row before those that are held, in their file. */
  #heldAfterNs: bigint | undefined;
  #rowsRejectedBefore = 0;
  #bytesInBefore = 0;

  constructor(options: ReplayOptions, schema: Schema, context: StageContext) {
    this.#options = options;
    this.schema = schema;
    this.#context = context;
    this.#pool = new BatchPool(schema, context.batchRows, context.dictionaries);
    if (options.speed === 'max') return;
    this.#pace = new EventPace(context.clock, options.speed);
    const rows = context.batchRows;
    this.#places = { offsets: new Float64Array(rows), lines: new Float64Array(rows) };
  }

  async open(): Promise<void> {
    const { path } = this.#options;
    this.#files = await listFiles(typeof path === 'string' ? [path] : path);
  }

  async read(): Promise<Batch | null> {
    return this.#pace ? this.#readDue(this.#pace) : this.#readNext();
  }

  stop(): void {
    this.#stop.abort();
  }

  get rowsRejected(): number {
    return this.#rowsRejectedBefore + (this.#decoder?.rowsRejected ?? 0);
  }

  get bytesIn(): number {
    return this.#bytesInBefore + (this.#decoder?.bytesIn ?? 0);
  }

  statistics(): Record<string, number> {
    return { filesDone: this.#file, filesTotal: this.#files.length };
  }

  position(): PlainData {
    const place = this.#place();
    const previousNs = place.previousNs?.toString() ?? null;
    return { file: this.#file, path: this.#files[this.#file] ?? '', ...place, previousNs };
  }

  #place(): RowPlace {
    if (this.#held && this.#places) {
      const { batch, next } = this.#held;
      const time = columnIndex(this.schema, 'time');
      return {
        offset: this.#places.offsets[next]!,
        line: this.#places.lines[next]!,
        previousNs: next === 0 ? this.#heldAfterNs : readNanos(batch.columns[time] as Int32Array, next - 1),
      };
    }
    if (this.#decoder) return this.#decoder.position();
    return this.#resumeAt ? placeOf(this.#resumeAt) : { offset: 0, line: 1 };
  }

  resume(position: PlainData): void {
    const at = asPosition(position);
    const path = this.#files[at.file] ?? '';
    if (path !== at.path) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `expected ${at.path === '' ? 'no file' : at.path} as input number ${at.file + 1}, where the last run stopped; ` +
          `found ${path === '' ? 'none' : path}`,
      );
    }
    this.#file = at.file;
    this.#resumeAt = at;
  }

  async close(): Promise<void> {
    this.#held?.batch.release();
    this.#held = undefined;
    const decoder = this.#decoder;
    this.#leaveFile();
    await decoder?.close();
  }

  /** The next batch as fast as it can be read; `null` at the end and after a stop. */
  async #readNext(): Promise<Batch | null> {
    while (!this.#isStopped()) {
      const path = this.#files[this.#file];
      if (path === undefined) return null;
      this.#decoder ??= await this.#openFile(path);
      if (this.#places) this.#heldAfterNs = this.#decoder.position().previousNs;
      const batch = this.#pool.acquire();
      try {
        const hasMore = await this.#decoder.read(batch, this.#isStopped, this.#places);
        // Rows that are held are placed by the file that they came from: it is left later then.
        if (!hasMore && !(this.#places && batch.length > 0)) await this.#nextFile();
      } catch (error) {
        batch.release();
        throw error;
      }
      if (batch.length > 0) return batch;
      batch.release();
    }
    return null;
  }

  /** The next rows that are due, or those that are due first after a wait. */
  async #readDue(pace: EventPace): Promise<Batch | null> {
    const time = columnIndex(this.schema, 'time');
    while (!this.#isStopped()) {
      if (!this.#held) {
        const batch = await this.#readNext();
        if (!batch) return null;
        this.#held = { batch, next: 0 };
        if (this.#isFileNew) pace.beginFile(batch.columns[time] as Int32Array, 0);
        this.#isFileNew = false;
      }
      const { batch, next } = this.#held;
      const end = pace.dueEnd(batch.columns[time] as Int32Array, next, batch.length);
      if (end > next) return this.#deliver(this.#held, end);
      await sleepUntil(this.#context.clock, pace.wakeAt, this.#stop.signal);
    }
    return null;
  }

  #deliver(held: Held, end: number): Batch {
    const { batch, next } = held;
    if (end === batch.length) this.#held = undefined;
    else held.next = end;
    if (next === 0 && end === batch.length) return batch;
    const due = this.#pool.acquire();
    appendRows(batch, next, end, due);
    if (end === batch.length) batch.release();
    return due;
  }

  async #openFile(path: string): Promise<FileDecoder> {
    const decoder = await FORMATS[this.#options.format].open(path, this.#options, this.#context);
    const at = this.#resumeAt;
    this.#resumeAt = undefined;
    this.#isFileNew = true;
    try {
      if (at && at.offset > 0) await decoder.resume(placeOf(at));
    } catch (error) {
      await decoder.close();
      throw error;
    }
    return decoder;
  }

  async #nextFile(): Promise<void> {
    const decoder = this.#decoder;
    invariant(decoder !== undefined, 'a file that ends is open');
    this.#leaveFile();
    this.#file++;
    await decoder.close();
  }

  #leaveFile(): void {
    this.#rowsRejectedBefore = this.rowsRejected;
    this.#bytesInBefore = this.bytesIn;
    this.#decoder = undefined;
  }
}

const placeOf = ({ offset, line, previousNs }: ReplayPosition): RowPlace => ({
  offset,
  line,
  previousNs: previousNs === null ? undefined : BigInt(previousNs),
});

function asPosition(position: PlainData): ReplayPosition {
  const { file, path, offset, line, previousNs } = (position ?? {}) as Partial<Record<string, PlainData>>;
  const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  const isInstant = (value: unknown): value is string | null =>
    value === null || (typeof value === 'string' && /^-?\d{1,19}$/.test(value));
  if (
    !isWhole(file) ||
    typeof path !== 'string' ||
    !isWhole(offset) ||
    !isWhole(line) ||
    !isInstant(previousNs)
  ) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      'expected a position of the replay source: {file, path, offset, line, previousNs}',
    );
  }
  return { file, path, offset, line, previousNs };
}
