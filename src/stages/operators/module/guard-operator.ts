import type { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import type { Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Emit, Operator } from '../../../engine/operator.js';
import { failed, invalid, shapeOf } from './module-faults.js';
import { hasSameColumns, schemaComplaint } from './schema-check.js';

/** How errors name an operator of a user. */
export interface OperatorName {
  /** Before what is wrong with its code. */
  readonly where: string;
  /** As the subject of a sentence. */
  readonly who: string;
  /** Whether it may be given shared batches if it declares `readsOnly`. */
  readonly mayShare?: boolean;
}

/**
 * Checks the shape of a user's operator, and gives its errors a code and its name. Refuses batches with other
 * columns than it said.
 *
 * @throws {PipelineError} `MODULE_INVALID` if it is not an operator.
 */
export function guardOperator(operator: Operator, { where, who, mayShare }: OperatorName): Operator {
  if (typeof (operator as Operator | undefined)?.process !== 'function') {
    throw invalid(
      `${where}: expected its create to return an operator with a function "process", found ${shapeOf(operator)}`,
    );
  }
  const complaint = schemaComplaint(operator.output);
  if (complaint !== undefined) {
    throw invalid(`${where}: expected its operator to name its output columns in "output", ${complaint}`);
  }
  if (operator.order !== undefined && !isOrder(operator.order)) {
    throw invalid(
      `${where}: expected its operator to say in "order" how its rows are ordered, as ` +
        `{ scope: 'all' or 'symbol', maxDelayNs: a whole number, 0 or more }, found ${shapeOf(operator.order)}`,
    );
  }
  return guarded(operator, who, mayShare === true && operator.readsOnly === true);
}

function guarded(operator: Operator, who: string, readsOnly: boolean): Operator {
  const { output } = operator;
  let known: Schema = output;
  /** An error that a later stage threw through the operator. The operator must not be blamed for it. */
  let thrownBeyond: unknown;

  const checked =
    (emit: Emit): Emit =>
    (batch: Batch) => {
      if (batch.schema !== known) {
        if (!hasSameColumns(batch.schema, output)) {
          throw new TypeError(
            `it emitted a batch with the columns ${namesOf(batch.schema)}, expected ${namesOf(output)} as its "output" says`,
          );
        }
        known = batch.schema;
      }
      keepControlsWithin(batch);
      if (batch.isEmpty) {
        batch.release();
        return;
      }
      try {
        emit(batch);
      } catch (error) {
        thrownBeyond = error;
        throw error;
      }
    };

  return {
    output,
    readsOnly,
    ...(operator.stateless === true && { stateless: true }),
    get order() {
      return operator.order;
    },
    get changesTime() {
      return operator.changesTime === true;
    },
    get hasMore() {
      return operator.hasMore === true;
    },
    emitMore: (emit) =>
      attempt('emitMore', () => {
        if (operator.emitMore) return operator.emitMore(checked(emit));
        throw new TypeError('it reports "hasMore" but has no function "emitMore"');
      }),
    ...(operator.watermark && {
      watermark: () =>
        attempt('watermark', () => {
          const at = operator.watermark?.();
          if (at === undefined || typeof at === 'bigint') return at;
          throw new TypeError(`expected ns since 1970 as a bigint, or undefined, found ${shapeOf(at)}`);
        }),
    }),
    ...(operator.open && { open: () => attempt('open', () => operator.open?.()) }),
    process: (batch, emit) => attempt('process', () => operator.process(batch, checked(emit))),
    ...(operator.flush && { flush: (emit) => attempt('flush', () => operator.flush?.(checked(emit))) }),
    ...(operator.close && { close: () => attempt('close', () => operator.close?.()) }),
    ...(operator.snapshot && {
      snapshot: () => attempt<PlainData>('snapshot', () => operator.snapshot?.() ?? null),
    }),
    ...(operator.restore && { restore: (state) => attempt('restore', () => operator.restore?.(state)) }),
    ...(operator.tally && { tally: () => operator.tally?.() ?? {} }),
    ...(operator.health && { health: () => operator.health?.() ?? { status: 'ok' } }),
    ...(operator.statistics && { statistics: () => operator.statistics?.() ?? {} }),
  };

  /** Answers without a promise if the operator does. */
  function attempt<Result>(what: string, run: () => Result): Result {
    const rethrow = (error: unknown): never => {
      if (error !== undefined && error === thrownBeyond) throw error;
      throw failed(who, `failed in ${what}`, error);
    };
    try {
      const result = run();
      return result instanceof Promise ? (result.catch(rethrow) as Result) : result;
    } catch (error) {
      return rethrow(error);
    }
  }
}

/**
 * Moves control records back to the end, if the operator cut off rows but left the records where they
 * were.
 */
function keepControlsWithin(batch: Batch): void {
  const { length, controls } = batch;
  if (controls.every(({ row }) => row <= length)) return;
  batch.controls = controls.map(({ row, record }) => ({ row: Math.min(row, length), record }));
}

function isOrder(order: unknown): order is EventOrder {
  const { scope, maxDelayNs } = (order ?? {}) as Partial<EventOrder>;
  return (scope === 'all' || scope === 'symbol') && Number.isSafeInteger(maxDelayNs) && maxDelayNs! >= 0;
}

function namesOf(schema: Schema): string {
  return `[${schema.columns.map(({ name }) => name).join(', ')}]`;
}
