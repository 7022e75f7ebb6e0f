import type { Batch } from '../../../columns/batch.js';
import { type RowValue, RowView } from '../../../columns/row-view.js';
import type { Schema } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import { PipelineError } from '../../../core/errors.js';
import { invariant } from '../../../core/invariant.js';
import { isCount, type PlainData } from '../../../core/plain-data.js';
import { cutText } from '../../../core/shown-text.js';
import { type CommitHolder, commitHolderOf } from '../../../databases/commit-holder.js';
import { canHold, parseType, TYPES_OF } from '../../../databases/duckdb/column-types.js';
import type { RefusedValue } from '../../../databases/duckdb/row-chunks.js';
import { type RefusedTableRow, TableWriter, takeOverAt } from '../../../databases/duckdb/table-writer.js';
import { checkKeyColumns } from '../../../databases/upsert-key.js';
import type { PlanProblems, SinkFactory } from '../../../engine/factories.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { SinkCapabilities } from '../../../engine/sink-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import { Disk } from '../../../outputs/disk/disk.js';
import { nodeFileSystem } from '../../../outputs/disk/file-system.js';
import type { DuckDbSinkOptions } from './options.js';

/** Writes rows into a table of a DuckDB file. */
export const duckDbSink: SinkFactory<DuckDbSinkOptions> = {
  plan({ key = [], types = {} }, input, problems) {
    if (input.columns.length === 0) problems.add([], 'expected rows with at least one column, found none');
    const names = input.columns.map(({ name }) => name);
    checkKeyColumns(key, names, problems);
    checkTypes(types, input, problems);
    refuseAlike(names, problems);
  },

  files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }),

  create: (options, input, context) =>
    options.mode === 'append'
      ? new DecidingSink(options, input, context)
      : new DuckDbSink(options, input, context),

  takeOver: ({ path, table, memoryMb }, { log, ...holder }) =>
    takeOverAt({ disk: new Disk(nodeFileSystem, log), path, table, memoryMb, job: holder.job }, holder),
};

function checkTypes(types: Readonly<Record<string, string>>, input: Schema, problems: PlanProblems): void {
  for (const [name, text] of Object.entries(types)) {
    const column = input.columns.find((one) => one.name === name);
    if (!column) {
      problems.add(['types', name], `expected a column of the rows, found "${name}"`);
      continue;
    }
    const type = parseType(text);
    if (type && canHold(type, column)) continue;
    problems.add(
      ['types', name],
      `expected one of ${TYPES_OF[column.type].join(', ')} for ${column.type}, found "${text}"`,
    );
  }
}

/** DuckDB takes two names that differ in case alone for one. */
function refuseAlike(names: readonly string[], problems: PlanProblems): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      problems.add([], `expected names that differ in more than case, found "${other}" and "${name}"`);
    }
    seen.set(name.toLowerCase(), name);
  }
}

/** Rows that replace those with the same key, so that they may come again. */
class DuckDbSink implements Sink {
  readonly capabilities: SinkCapabilities = { delivery: 'idempotent' };
  readonly #options: DuckDbSinkOptions;
  readonly #schema: Schema;
  readonly #context: StageContext;
  readonly #view: RowView;
  protected writer: TableWriter | undefined;
  /** Rows of earlier starts of the run. */
  #rowsBefore = 0;
  #rows = 0;
  /** By their values; those that constraints refuse are counted by the writer. */
  #rowsRefused = 0;

  constructor(options: DuckDbSinkOptions, schema: Schema, context: StageContext) {
    this.#options = options;
    this.#schema = schema;
    this.#context = context;
    this.#view = new RowView(schema);
  }

  async open(): Promise<void> {
    const { path, table, create, key, types, rounds, memoryMb } = this.#options;
    const { job, log, dictionaries, rejects, resuming } = this.#context;
    this.writer = await TableWriter.open({
      disk: new Disk(nodeFileSystem, log),
      path,
      table,
      create,
      key,
      types,
      rounds,
      job,
      memoryMb,
      schema: this.#schema,
      dictionaries,
      holder: this.holder,
      isNew: resuming !== true,
      onRefused: (row) => rejects.add(this.#letterOf(row)),
      afterRefused: () => rejects.flush(),
    });
  }

  protected get holder(): CommitHolder | undefined {
    return this.capabilities.decides ? commitHolderOf(this.#context) : undefined;
  }

  write(batch: Batch): Promise<void> | void {
    const writer = this.writer!;
    this.#rows += batch.length;
    const refused = writer.refused(batch);
    if (refused.size > 0) return this.#writeWithout(batch, refused);
    let isAdding: Promise<void> | void;
    try {
      isAdding = writer.add(batch);
    } catch (error) {
      batch.release();
      throw error;
    }
    if (!isAdding) {
      batch.release();
      return;
    }
    return isAdding.finally(() => batch.release());
  }

  async #writeWithout(batch: Batch, refused: ReadonlyMap<number, RefusedValue>): Promise<void> {
    const { rejects } = this.#context;
    try {
      const keep = new Uint8Array(batch.length).fill(1);
      const firstRow = this.#rowsBefore + this.#rows - batch.length;
      this.#view.over(batch);
      const values = [...refused.values()].sort((a, b) => a.row - b.row);
      for (const value of values) {
        rejects.add(this.#letterOfValue(batch, value, firstRow));
        keep[value.row] = 0;
      }
      this.#rowsRefused += refused.size;
      await rejects.flush();
      retainRows(batch, keep);
      await this.writer!.add(
        batch,
        values.map(({ row }) => row),
      );
    } finally {
      batch.release();
    }
  }

  #letterOfValue(batch: Batch, { row, column, expected, found }: RefusedValue, firstRow: number) {
    const spot = batch.origin?.at(row) ?? { file: this.#tableText, line: firstRow + row + 1 };
    const raw = JSON.stringify(this.#view.at(row), (_, value: RowValue) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    return { file: spot.file, line: spot.line, field: column, expected, found, raw: cutText(raw, RAW_MAX) };
  }

  #letterOf({ ordinal, constraint, raw }: RefusedTableRow) {
    return {
      file: this.#tableText,
      line: this.#rowsBefore + ordinal + 1,
      expected: `a row that the constraint ${constraint} allows`,
      found: 'one that it refuses',
      raw: cutText(raw, RAW_MAX),
    };
  }

  get #tableText(): string {
    return `${this.#options.path}, table ${this.#options.table}`;
  }

  async flush(): Promise<Durable> {
    this.writer!.cut();
    await this.writer!.commit(undefined);
    return this.durable;
  }

  /** What is committed is known to the database. */
  resume(position: PlainData): void {
    const { ordinal } = (position ?? {}) as { readonly ordinal?: unknown };
    if (!isCount(ordinal)) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'Expected the position of a sink "duckdb", {ordinal}, found something else',
      );
    }
    this.#rowsBefore = ordinal;
  }

  get rowsRejected(): number {
    return this.#rowsRefused + (this.writer?.rowsRefused ?? 0);
  }

  protected get durable(): Durable {
    return {
      rows: this.#rows - this.rowsRejected,
      position: { ordinal: this.#rowsBefore + this.#rows },
    };
  }

  async close(): Promise<void> {
    await this.writer?.close();
  }
}

/** Rows that are committed together with the checkpoint that they are in. */
class DecidingSink extends DuckDbSink {
  override readonly capabilities = { delivery: 'transactional', decides: true } as const;

  override async flush(): Promise<Durable> {
    if (!this.holder) return super.flush();
    invariant(!this.writer!.hasRows, 'rows are committed together with the checkpoint that they are in');
    return this.durable;
  }

  prepare(): Durable {
    this.writer!.cut();
    return this.durable;
  }

  decide(checkpoint: string): Promise<void> {
    return this.writer!.commit(checkpoint);
  }

  takeBack(): void {
    this.writer!.takeBack();
  }
}

const RAW_MAX = 1_000;
