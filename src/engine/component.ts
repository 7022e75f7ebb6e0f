import type { z } from 'zod';
import { lackingMethods } from '../core/assert-argument.js';
import { InvalidOptionsError } from '../core/errors.js';
import { BRANCH_MARK } from '../settings/branch-mark.js';
import { INPUT_MARK, type InputMark } from '../settings/input-mark.js';
import type { ExactlyOnce } from '../wire/exactly-once.js';
import type { DeclaredProvider } from '../wire/provider-capabilities.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import type { StageFacts } from '../wire/stage-facts.js';
import type { BatcherFactory, OperatorFactory, SinkFactory, SourceFactory } from './factories.js';
import type { Loads } from './stage.js';

/** The factory of each kind of stage. */
interface Factories<Options> {
  readonly source: SourceFactory<Options>;
  readonly operator: OperatorFactory<Options>;
  readonly batcher: BatcherFactory<Options>;
  readonly sink: SinkFactory<Options>;
}

/**
 * What a component is, by its place in a pipeline.
 *
 * @useDeclaredType
 */
export type ComponentKind = keyof Factories<unknown>;

/** What makes stages of a kind. */
export type FactoryOf<Kind extends ComponentKind, Options = unknown> = Factories<Options>[Kind];

/**
 * A component that a spec can use. It is loaded in every thread, so it contains neither the code of the
 * stage nor the schema. Both are loaded on demand, the schema only where specs are checked.
 */
export interface Component<
  Kind extends ComponentKind = ComponentKind,
  Name extends string = string,
  Schema extends z.ZodType = z.ZodType,
> {
  readonly kind: Kind;
  /** The value of `use` in a spec. Unique among components of its kind. */
  readonly name: Name;
  /** What it does, in one line. */
  readonly summary: string;
  /** The kind of code that it loads into its thread, possibly by its options. Default: `javascript`. */
  readonly loads?: Loads | ((options: z.output<Schema>) => Loads);
  /** Of a source that was made of a provider. */
  readonly provider?: DeclaredProvider;
  /** Whether it runs user code. If so, its thread is not reused. */
  readonly runsUserCode?: boolean;
  /**
   * Options that may change between two starts of a run: they affect speed, sizes or limits, never the
   * content of rows or where they are written.
   */
  readonly mayChange?: readonly string[];
  /**
   * Whether its stages take part in checkpoints, for `tickloom components` and for what a spec with
   * `delivery: exactly-once` is refused with. What decides is what each stage says: `capabilities` of sources and
   * sinks, `snapshot` or `stateless` of operators. Default: `by its stages`.
   */
  readonly exactlyOnce?: ExactlyOnce;
  /** What a plan has to know of a stage with these options besides its columns and files. Default: nothing. */
  readonly facts?: (options: z.output<Schema>) => StageFacts;
  /** Returns the schema of the options, with their defaults and descriptions. */
  options(): Promise<Schema>;
  /**
   * Loads the factory of the stage.
   * @param options - Checked by the schema.
   * @param stage - The checked stage to which the options belong.
   */
  load(options: z.output<Schema>, stage: ResolvedStage): Promise<FactoryOf<Kind, z.output<Schema>>>;
}

/** What code a component brings into its thread with these options. */
export function loadsOf({ loads = 'javascript' }: Component, options: unknown): Loads {
  return typeof loads === 'function' ? loads(options) : loads;
}

/** Declares a component. Keeps the types of its name and its options, which the type of a spec is made of. */
export const defineComponent = <
  Kind extends ComponentKind,
  const Name extends string,
  Schema extends z.ZodType,
>(
  component: Component<Kind, Name, Schema>,
): Component<Kind, Name, Schema> => component;

/**
 * Marks an option as a stage, or as a list of stages. It becomes an input of the component's own stage, in
 * `inputs` of its context, by the path of the option; and is taken out of its options.
 *
 * @param as - `source`: a source; `operators`: the operators behind the source beside it; `line`: a source
 *   that has its `operators` among its own keys.
 * @param schema - What is checked of it when the component checks its options: `use` alone is there then.
 *
 * @example
 * z.strictObject({ with: inputOption('source', z.looseObject({ use: z.string() })) });
 */
export function inputOption<S extends z.ZodType>(as: InputMark, schema: S): S {
  assertSchema('inputOption', schema);
  return schema.meta({ [INPUT_MARK]: as });
}

/**
 * Marks an option of a sink as a branch: a sink with `operators`, a `batcher` and a `queue` before it. It
 * becomes a branch of the component's own stage, in `branches` of its context, by the path of the option; and
 * is taken out of its options.
 *
 * @param schema - What is checked of it when the component checks its options: `use` and the own keys alone
 *   are there then.
 * @param ownKeys - Keys of a branch that are for the component itself. They stay among its options.
 *
 * @example
 * z.strictObject({ copies: z.array(branchOption(z.looseObject({ use: z.string() }))) });
 */
export function branchOption<S extends z.ZodType>(schema: S, ownKeys: readonly string[] = []): S {
  assertSchema('branchOption', schema);
  return schema.meta({ [BRANCH_MARK]: ownKeys });
}

/**
 * Marks an option as secret: its text is kept out of logs, reports and errors of every job that is given
 * it. A list or an object may be marked as a whole. JSON Schema tells of it as `writeOnly`.
 *
 * @example
 * z.strictObject({ apiKey: secret(z.string().min(1)) });
 */
export function secret<S extends z.ZodType>(schema: S): S {
  assertSchema('secret', schema);
  return schema.meta({ writeOnly: true });
}

function assertSchema(call: string, schema: unknown): void {
  const problems = lackingMethods(
    { key: 'schema', what: 'a schema of Zod', methods: ['meta'] },
    schema ?? null,
  );
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}
