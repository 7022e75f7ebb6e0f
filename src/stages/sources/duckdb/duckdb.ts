import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import { readNanos } from '../../../columns/int64.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import { InvalidOptionsError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import { copyValues } from '../../../databases/duckdb/read-values.js';
import { type PlaceInTime, RowsInTime } from '../../../databases/duckdb/rows-in-time.js';
import type { SourceFactory } from '../../../engine/factories.js';
import type { Source } from '../../../engine/source.js';
import type { StageContext } from '../../../engine/stage.js';
import { Disk } from '../../../outputs/disk/disk.js';
import { nodeFileSystem } from '../../../outputs/disk/file-system.js';
import type { DuckDbSourceOptions } from './options.js';
import { type PlannedColumns, planColumns } from './plan-columns.js';

/** Reads a table or a query of a DuckDB file in order of time. */
export const duckDbSource: SourceFactory<DuckDbSourceOptions> = {
  plan: (options, problems) => planColumns(options, problems).schema,
  files: ({ path }) => ({ reads: [{ path, at: ['path'] }] }),
  create: (options, context) => new DuckDbSource(options, planColumns(options), context),
};

/** What is wrong with a row. */
interface BadValue {
  readonly column: string;
  readonly expected: string;
  readonly found: string;
}

class DuckDbSource implements Source {
  readonly schema: Schema;
  readonly capabilities = { delivery: 'replayable', bounded: true } as const;
  readonly order = { scope: 'all', maxDelayNs: 0 } as const;
  readonly #options: DuckDbSourceOptions;
  readonly #planned: PlannedColumns;
  readonly #context: StageContext;
  readonly #pool: BatchPool;
  readonly #timeAt: number;
  #rows: RowsInTime | undefined;
  #hasBegun = false;
  #isStopped = false;
  #chunk: { readonly chunk: DuckDBDataChunk; start: number } | undefined;
  #place: PlaceInTime | undefined;
  /** Rows read in all starts of the run. */
  #ordinal = 0;
  #rowsRejected = 0;

  constructor(options: DuckDbSourceOptions, planned: PlannedColumns, context: StageContext) {
    this.#options = options;
    this.#planned = planned;
    this.#context = context;
    this.schema = planned.schema;
    this.#timeAt = columnIndex(planned.schema, 'time');
    this.#pool = new BatchPool(planned.schema, context.batchRows, context.dictionaries);
  }

  async open(): Promise<void> {
    const { path, table, query, memoryMb } = this.#options;
    const { job, log } = this.#context;
    this.#rows = await RowsInTime.open({
      disk: new Disk(nodeFileSystem, log),
      path,
      job,
      memoryMb,
      from: query === undefined ? { table: table! } : { query },
      columns: this.#planned.read,
    });
  }

  async read(): Promise<Batch | null> {
    const rows = this.#rows!;
    while (!this.#isStopped) {
      if (!this.#hasBegun) await rows.begin(this.#place);
      this.#hasBegun = true;
      this.#chunk ??= await rows.next();
      if (!this.#chunk) return null;
      const batch = await this.#take(rows, this.#chunk);
      if (this.#chunk.start === this.#chunk.chunk.rowCount) this.#chunk = undefined;
      if (batch.length > 0) return batch;
      batch.release(); // all of its rows were bad
    }
    return null;
  }

  /** Copies rows out of a chunk, as many as fit a batch. */
  async #take(source: RowsInTime, from: { readonly chunk: DuckDBDataChunk; start: number }): Promise<Batch> {
    const { dictionaries } = this.#context;
    const { chunk, start } = from;
    const batch = this.#pool.acquire();
    try {
      const rows = Math.min(chunk.rowCount - start, batch.capacity);
      const bad = new Map<number, BadValue>();
      for (const [index, selected] of source.columns.entries()) {
        const { column } = selected;
        const dictionary = column.type === 'string' ? dictionaries.get(column.name) : undefined;
        const copied = { chunk, index, start, rows, data: batch.columns[index]!, at: 0 };
        copyValues(source.vectors, selected, dictionary, copied, (row, expected, found) => {
          if (!bad.has(row)) bad.set(row, { column: selected.from, expected, found });
        });
      }
      batch.length = rows;
      // Before bad rows are left out: they count among those at their instant.
      const place = this.#placeAfter(batch, bad);
      if (bad.size > 0) await this.#reject(batch, bad);
      from.start += rows;
      this.#ordinal += rows;
      this.#place = place;
      return batch;
    } catch (error) {
      batch.release();
      throw error;
    }
  }

  #placeAfter(batch: Batch, bad: ReadonlyMap<number, BadValue>): PlaceInTime {
    const times = batch.columns[this.#timeAt] as Int32Array;
    // A time that cannot be used is in no order: such rows are told apart by their number alone.
    const timeOf = (row: number) =>
      bad.get(row)?.column === this.#planned.read[this.#timeAt]!.from ? undefined : readNanos(times, row);
    const last = batch.length - 1;
    const timeNs = timeOf(last);
    let rows = 1;
    while (rows <= last && timeOf(last - rows) === timeNs) rows++;
    const isSame = rows > last && this.#place !== undefined && this.#place.timeNs === timeNs;
    return { timeNs, rows: isSame ? this.#place!.rows + rows : rows };
  }

  async #reject(batch: Batch, bad: ReadonlyMap<number, BadValue>): Promise<void> {
    const { rejects } = this.#context;
    const keep = new Uint8Array(batch.length).fill(1);
    for (const [row, { column, expected, found }] of [...bad].sort(([a], [b]) => a - b)) {
      this.#rowsRejected++;
      rejects.add({
        file: this.#options.path,
        line: this.#ordinal + row + 1,
        field: column,
        expected,
        found,
      });
      keep[row] = 0;
    }
    await rejects.flush();
    retainRows(batch, keep);
  }

  stop(): void {
    this.#isStopped = true;
    this.#rows?.interrupt();
  }

  get rowsRejected(): number {
    return this.#rowsRejected;
  }

  position(): PlainData {
    const place = this.#place;
    return {
      ordinal: this.#ordinal,
      ...(place && { rows: place.rows, ...(place.timeNs !== undefined && { time: String(place.timeNs) }) }),
    };
  }

  resume(position: PlainData): void {
    const { ordinal, rows, time } = (position ?? {}) as Readonly<Record<string, unknown>>;
    const isTime = time === undefined || (typeof time === 'string' && /^-?\d{1,20}$/.test(time));
    if (!Number.isSafeInteger(ordinal) || !isTime || (rows !== undefined && !Number.isSafeInteger(rows))) {
      throw new InvalidOptionsError('position', ['expected a place of the source "duckdb"']);
    }
    this.#ordinal = ordinal as number;
    if (rows === undefined) return;
    this.#place = { timeNs: time === undefined ? undefined : BigInt(time as string), rows: rows as number };
  }

  async close(): Promise<void> {
    this.#chunk = undefined;
    this.#pool.close();
    await this.#rows?.close();
  }
}
