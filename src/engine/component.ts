import type { z } from 'zod';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import type { BatcherFactory, OperatorFactory, SinkFactory, SourceFactory } from './factories.js';
import type { Loads } from './stage.js';

/** How stages of each kind are made from their options. */
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
 * Something that a spec can use. It loads in every thread, so it holds no code of the stage and no schema:
 * both are loaded when asked for, the schema only where specs are checked.
 */
export interface Component<
  Kind extends ComponentKind = ComponentKind,
  Name extends string = string,
  Schema extends z.ZodType = z.ZodType,
> {
  readonly kind: Kind;
  /** What a spec says after `use`. Unique among components of its kind. */
  readonly name: Name;
  /** What it does, in one line. */
  readonly summary: string;
  /** What code it brings into its thread, where the options do not say so. Default: `javascript`. */
  readonly loads?: Loads | ((options: z.output<Schema>) => Loads);
  /** Whether it runs code of the user's: its thread is not used again. */
  readonly runsUserCode?: boolean;
  /**
   * Options that may change between two starts of a run: they say how fast, how large or how far, never
   * what a row is or where it stands.
   */
  readonly mayChange?: readonly string[];
  /** The schema of the options, with defaults and the text about each. */
  options(): Promise<Schema>;
  /**
   * @param options - Checked by the schema.
   * @param stage - The checked stage that they are of.
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
 * Marks an option as secret: its text is kept out of logs, reports and errors of every job that is given
 * it. A list or an object may be marked as a whole. JSON Schema tells of it as `writeOnly`.
 *
 * @example
 * z.strictObject({ apiKey: secret(z.string().min(1)) });
 */
export function secret<S extends z.ZodType>(schema: S): S {
  return schema.meta({ writeOnly: true });
}
