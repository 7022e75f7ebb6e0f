import type { ErrorCode } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { Operator } from '../engine/operator.js';
import { guardOperator } from '../stages/operators/module/guard-operator.js';
import { failed, invalid, messageOf, shapeOf } from '../stages/operators/module/module-faults.js';

/** The methods of all kinds of factories. Their arguments are only passed on here. */
interface AnyFactory {
  plan?(...given: unknown[]): unknown;
  files?(options: unknown): unknown;
  takeOver?(...given: unknown[]): unknown;
  create(...given: unknown[]): unknown;
}

/**
 * Wraps the factory of a component from outside, so that its errors, and those of its operators, name the
 * component and its module. A stage of the wrong shape is rejected when it is created.
 *
 * @param module - The module as the settings name it.
 */
export function guardFactory<Kind extends ComponentKind>(
  kind: Kind,
  use: string,
  module: string,
  factory: FactoryOf<Kind>,
): FactoryOf<Kind> {
  const where = `${kind} "${use}" of module "${cutText(module, 500)}"`;
  const who = where[0]!.toUpperCase() + where.slice(1);
  const own = factory as AnyFactory; // a factory of any kind is one
  const guarded: AnyFactory = {
    ...(own.plan && {
      plan(...given) {
        try {
          return own.plan?.(...given);
        } catch (error) {
          throw invalid(`${where}: its plan failed: ${messageOf(error)}`, error);
        }
      },
    }),
    ...(own.takeOver && { takeOver: (...given) => own.takeOver?.(...given) }),
    ...(own.files && { files: (options) => own.files?.(options) }),
    create(...given) {
      let stage: unknown;
      try {
        stage = own.create(...given);
      } catch (error) {
        throw failed(who, 'could not be created', error, FAILED[kind]);
      }
      if (kind === 'operator') return guardOperator(stage as Operator, { where, who, mayShare: true }); // it checks the shape
      const complaint = complaintAbout(kind, stage);
      if (complaint === undefined) return stage;
      throw invalid(`${where}: expected its create to return a stage ${complaint}`);
    },
  };
  return guarded as FactoryOf<Kind>; // each function has the signature of the one that it wraps
}

const FAILED: Readonly<Record<ComponentKind, ErrorCode>> = {
  source: 'SOURCE_FAILED',
  operator: 'OPERATOR_FAILED',
  batcher: 'OPERATOR_FAILED',
  sink: 'SINK_FAILED',
};

const FUNCTIONS = {
  source: ['read', 'stop', 'position', 'resume'],
  batcher: ['add', 'take', 'flush'],
  sink: ['write', 'flush'],
} as const;

const DELIVERIES = {
  source: ['replayable', 'resumable', 'live-only'],
  sink: ['transactional', 'idempotent', 'append'],
} as const;

/** Describes what is wrong with the shape of a stage. */
function complaintAbout(kind: keyof typeof FUNCTIONS, stage: unknown): string | undefined {
  const fields = (stage ?? {}) as Readonly<Record<string, unknown>>;
  const missing = FUNCTIONS[kind].find((name) => typeof fields[name] !== 'function');
  if (missing !== undefined) return `with the function "${missing}", found ${shapeOf(stage)}`;
  if (kind === 'batcher') return undefined;
  const { delivery, bounded } = (fields.capabilities ?? {}) as Readonly<Record<string, unknown>>;
  const deliveries: readonly unknown[] = DELIVERIES[kind];
  if (deliveries.includes(delivery) && (kind === 'sink' || typeof bounded === 'boolean')) return undefined;
  const expected = `${deliveries.slice(0, -1).join(', ')} or ${deliveries.at(-1)}`;
  const rest = kind === 'source' ? ', bounded: true or false' : '';
  return `with "capabilities" of { delivery: ${expected}${rest} }, found ${shapeOf(fields.capabilities)}`;
}
