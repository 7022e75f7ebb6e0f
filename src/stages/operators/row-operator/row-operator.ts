import { appendRows, type Batch, swapColumns } from '../../../columns/batch.js';
import type { PlacedControl } from '../../../columns/control-record.js';
import { NO_STRING } from '../../../columns/dictionary.js';
import { type RowValue, RowView } from '../../../columns/row-view.js';
import { type ColumnData, type ColumnType, elementsPerRow, type Schema } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import { PipelineError, RuntimeError } from '../../../core/errors.js';
import { invariant } from '../../../core/invariant.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Emit, Operator } from '../../../engine/operator.js';
import { handOver, OutputBatches } from '../../../engine/output-batches.js';
import type { StageContext } from '../../../engine/stage.js';
import type { RowContext, RowOperatorDefinition } from './row-operator-definition.js';

interface Setting<Options> {
  readonly options: Options;
  readonly input: Schema;
  /** The input's columns, then those that the operator adds. */
  readonly output: Schema;
  readonly stage: StageContext;
}

/** Runs a definition row by row: rows are changed in place, and dropped rows are overwritten. */
export function createRowOperator<Options, State>(
  definition: RowOperatorDefinition<Options, State>,
  { options, input, output, stage }: Setting<Options>,
): Operator {
  const batches = new OutputBatches(output, stage.batchRows, stage.dictionaries);
  const view = new RowView(output);
  const added = new AddedRows(output, stage, batches);
  let keep = new Uint8Array(stage.batchRows);
  let rowsSeen = 0;
  let rowsDropped = 0;

  const context: RowContext<Options, State> = {
    options,
    // Without `state`, the type of the state is `undefined`.
    state: definition.state?.(options) as State,
    emit: (row) => added.add(row),
    stage,
  };

  /** Moves the rows to a batch that has the output's columns. */
  function widen(batch: Batch): Batch {
    const target = batches.acquire(batch.capacity);
    for (let i = 0; i < input.columns.length; i++) swapColumns(batch, i, target, i);
    handOver(batch, target);
    for (let i = input.columns.length; i < output.columns.length; i++) {
      clear(target.columns[i]!, output.columns[i]!.type, target.length);
    }
    return target;
  }

  function visit(batch: Batch): void {
    const { length, controls } = batch;
    if (keep.length < length) keep = new Uint8Array(length);
    view.over(batch);
    let row = 0;
    let control = 0;
    try {
      for (; row <= length; row++) {
        added.place = 2 * row;
        for (; control < controls.length && controls[control]!.row === row; control++) {
          definition.onControl?.(controls[control]!.record, context);
        }
        added.place = 2 * row + 1;
        if (row < length) keep[row] = definition.onRow(view.at(row), context) === false ? 0 : 1;
      }
    } catch (error) {
      added.forget();
      batch.release();
      throw failedAt(error, row, rowsSeen + row);
    }
    rowsSeen += length;
  }

  return {
    output,
    changesTime: definition.changesTime === true,
    process(batch, emit) {
      invariant(
        batch.columns.length === input.columns.length,
        'an operator gets batches of its input schema',
      );
      const own = output.columns.length === input.columns.length ? batch : widen(batch);
      visit(own);
      for (let row = 0; row < own.length; row++) rowsDropped += keep[row] === 0 ? 1 : 0;
      if (added.count > 0) {
        added.weave(own, keep, emit);
        return;
      }
      retainRows(own, keep);
      if (own.isEmpty) own.release();
      else emit(own);
    },
    // A user's state is plain data, or `snapshot` makes it so. The clone is not affected by later rows.
    snapshot: () =>
      structuredClone(
        (definition.snapshot ? definition.snapshot(context.state) : (context.state ?? null)) as PlainData,
      ),
    restore(saved) {
      const copy = structuredClone(saved);
      context.state = definition.restore ? definition.restore(copy, options) : ((copy ?? undefined) as State);
    },
    tally: () => ({ filtered: rowsDropped, derived: added.total }),
  };
}

function clear(data: ColumnData, type: ColumnType, rows: number): void {
  if (data instanceof Float64Array) data.fill(Number.NaN, 0, rows);
  else data.fill(type === 'string' ? NO_STRING : 0, 0, rows * elementsPerRow(type));
}

function failedAt(error: unknown, row: number, rowInStream: number): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PipelineError(
    'OPERATOR_FAILED',
    `The operator failed at row ${rowInStream + 1} of its input (row ${row + 1} of the batch): ${message}`,
    { cause: error },
  );
}

/** Rows that the operator created itself, and where they belong in the batch. */
class AddedRows {
  /**
   * Where the next row goes. 2 × row: before the control records that precede the row (so that nothing
   * follows the `end` record); 2 × row + 1: after them.
   */
  place = 0;
  total = 0;
  readonly #output: Schema;
  readonly #batches: OutputBatches;
  readonly #view: RowView;
  readonly #capacity: number;
  readonly #selection: number[] = [];
  #pages: Batch[] = [];

  constructor(output: Schema, { batchRows }: StageContext, batches: OutputBatches) {
    this.#output = output;
    this.#batches = batches;
    this.#capacity = batchRows;
    this.#view = new RowView(output);
  }

  get count(): number {
    return this.#selection.length;
  }

  add(row: Readonly<Record<string, RowValue>>): void {
    const page = this.#page();
    const target = this.#view.over(page).at(page.length);
    for (const { name, type, nullable } of this.#output.columns) {
      const value = Object.hasOwn(row, name) ? row[name] : undefined;
      if (value === undefined || value === null) {
        if (!nullable || (type !== 'float64' && type !== 'string')) {
          throw new TypeError(`emit(…) expected a value for column "${name}" (${type}), found ${value}`);
        }
        target[name] = null;
      } else target[name] = value;
    }
    page.length++;
    this.#selection.push(this.place);
    this.total++;
  }

  /** Emits the kept and the added rows in order, in as many batches as needed. */
  weave(batch: Batch, keep: Uint8Array, emit: Emit): void {
    const { length, controls } = batch;
    let out = this.#batches.acquire(batch.capacity);
    let nextAdded = 0;
    let nextControl = 0;
    const controlsOut: PlacedControl[] = [];
    const append = (source: Batch, start: number, end: number) => {
      for (let from = start; from < end; ) {
        if (out.length === out.capacity) {
          out.controls = controlsOut.splice(0);
          emit(out);
          out = this.#batches.acquire(batch.capacity);
        }
        const to = Math.min(end, from + out.capacity - out.length);
        appendRows(source, from, to, out);
        from = to;
      }
    };
    const appendAdded = (place: number) => {
      for (; this.#selection[nextAdded] === place; nextAdded++) {
        const page = this.#pages[Math.floor(nextAdded / this.#capacity)]!;
        const at = nextAdded % this.#capacity;
        append(page, at, at + 1);
      }
    };
    for (let row = 0; row <= length; ) {
      appendAdded(2 * row);
      for (; nextControl < controls.length && controls[nextControl]!.row === row; nextControl++) {
        controlsOut.push({ row: out.length, record: controls[nextControl]!.record });
      }
      appendAdded(2 * row + 1);
      // Copies rows together up to the next added row or control record.
      const place = this.#selection[nextAdded];
      const stop = Math.min(
        place === undefined ? length : place >> 1,
        controls[nextControl]?.row ?? length,
        length,
      );
      for (let from = row; from < stop; ) {
        let to = from;
        while (to < stop && keep[to] !== 0) to++;
        append(batch, from, to);
        from = to;
        while (from < stop && keep[from] === 0) from++;
      }
      if (row === length) break;
      row = stop;
    }
    batch.release();
    this.forget();
    out.controls = controlsOut;
    if (out.isEmpty) out.release();
    else emit(out);
  }

  forget(): void {
    for (const page of this.#pages) page.release();
    this.#pages = [];
    this.#selection.length = 0;
  }

  #page(): Batch {
    const last = this.#pages.at(-1);
    if (last && last.length < last.capacity) return last;
    const page = this.#batches.acquire(this.#capacity);
    this.#pages.push(page);
    return page;
  }
}
