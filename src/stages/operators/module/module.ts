import { pathToFileURL } from 'node:url';
import type { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError, RuntimeError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { OperatorFactory, PlanProblems } from '../../../engine/factories.js';
import type { Emit, Operator } from '../../../engine/operator.js';
import { quote } from '../../../expressions/expression-error.js';
import type { ModuleOptions } from './options.js';
import { isSameSchema, schemaComplaint } from './schema-check.js';

/**
 * Loads an operator from the user's module. The export must be made by `defineOperator` or
 * `defineRowOperator`, or be an object of the same shape (it may come from another copy of this package).
 * The module's top level runs in the calling thread.
 *
 * @param file - Absolute path of the module.
 * @throws {PipelineError} `MODULE_INVALID` if it throws while it loads, or its export is not an operator.
 */
export async function loadModuleOperator(
  options: ModuleOptions,
  file: string,
): Promise<OperatorFactory<ModuleOptions>> {
  const where = `module ${quote(options.path)}`;
  let exports: Record<string, unknown>;
  try {
    exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw invalid(`${where}: it failed while loading: ${messageOf(error)}`, error);
  }
  return guard(where, operatorIn(where, exports, options.export));
}

function operatorIn(where: string, exports: Record<string, unknown>, name: string): OperatorFactory<unknown> {
  const names = Object.keys(exports);
  if (!names.includes(name)) {
    const there = names.length === 0 ? 'nothing' : names.slice(0, 20).join(', ');
    throw invalid(`${where}: expected an export "${name}", found ${there}`);
  }
  const found = exports[name] as Partial<OperatorFactory<unknown>> | null | undefined;
  // A CommonJS module that sets `exports.default` arrives as the default's default.
  const inner = (found as { default?: Partial<OperatorFactory<unknown>> } | null | undefined)?.default;
  for (const candidate of [found, inner]) {
    if (typeof candidate?.plan === 'function' && typeof candidate.create === 'function') {
      return candidate as OperatorFactory<unknown>;
    }
  }
  throw invalid(
    `${where}: expected its export "${name}" to be an operator made by defineOperator or defineRowOperator ` +
      `(an object with the functions "plan" and "create"), found ${shapeOf(found)}`,
  );
}

/** Passes the user's operator its own options, and gives its errors a code and the module's name. */
function guard(where: string, factory: OperatorFactory<unknown>): OperatorFactory<ModuleOptions> {
  return {
    plan({ options }, input, problems, spec) {
      const own: PlanProblems = {
        add: (path, message) => problems.add(['options', ...path], message),
      };
      let output: Schema;
      try {
        output = factory.plan(options, input, own, spec);
      } catch (error) {
        problems.add([], `${where}: its plan failed: ${messageOf(error)}`);
        return input;
      }
      const complaint = schemaComplaint(output);
      if (complaint === undefined) return output;
      problems.add([], `${where}: expected its plan to return the output schema, ${complaint}`);
      return input;
    },

    create({ options }, input, context) {
      let operator: Operator;
      try {
        operator = factory.create(options, input, context);
      } catch (error) {
        throw failed(where, 'could not be created', error);
      }
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
      return guardOperator(where, operator);
    },
  };
}

function guardOperator(where: string, operator: Operator): Operator {
  const { output } = operator;
  let known: Schema = output;
  /** An error that a later stage threw through the operator. The operator must not be blamed for it. */
  let thrownBeyond: unknown;

  const checked =
    (emit: Emit): Emit =>
    (batch: Batch) => {
      if (batch.schema !== known) {
        if (!isSameSchema(batch.schema, output)) {
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
      throw failed(where, `failed in ${what}`, error);
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

function failed(where: string, how: string, error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  return new PipelineError('OPERATOR_FAILED', `The operator of ${where} ${how}: ${messageOf(error)}`, {
    cause: error,
  });
}

function invalid(message: string, cause?: unknown): PipelineError {
  return new PipelineError('MODULE_INVALID', message, cause === undefined ? {} : { cause });
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > 500 ? `${message.slice(0, 500)}…` : message;
}

function shapeOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return `a value of type ${typeof value}`;
  const keys = Object.keys(value).slice(0, 10);
  return keys.length === 0 ? 'an object without properties' : `an object with ${keys.join(', ')}`;
}

function namesOf(schema: Schema): string {
  return `[${schema.columns.map(({ name }) => name).join(', ')}]`;
}
