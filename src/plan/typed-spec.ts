import type { z } from 'zod';
import type { Component, ComponentKind } from '../engine/component.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import type { FeedOptions } from '../providers/contract/own-options.js';
import type { BUILT_IN } from '../registry/built-in.js';
import type { BranchOption } from '../settings/branch-mark.js';
import type { InputOption } from '../settings/input-mark.js';
import type { QueueOptions } from '../settings/queue-options.js';
import type { SpecOutline } from './pipeline-spec.js';
import type { SourceFrontOptions } from './source-front-options.js';

type BuiltIn = (typeof BUILT_IN)[number];

/** A union of all components of a kind as a spec writes them: `use` names one, the other keys are its options. */
type StageSpec<Kind extends ComponentKind, One = BuiltIn> =
  One extends Component<Kind, infer Name, infer Options>
    ? Named<Name> & Frozen<OptionsOf<z.input<Options>>>
    : Kind extends 'source'
      ? ProviderSpec<One>
      : never;

/** A source that is made of a provider: what every provider can be asked for, and its own options. */
type ProviderSpec<One> =
  One extends ProviderDefinition<infer Name, infer Options>
    ? Named<Name> & FeedOptions & Frozen<OptionsOf<z.input<Options>>>
    : never;

interface Named<Name> {
  readonly use: Name;
  /** Your name for the stage. */
  readonly name?: string | undefined;
}

/** For a component without options, Zod's type gives every key the type `never`, including `use`. */
type OptionsOf<Input> = string extends keyof Input ? unknown : Input;

/** Makes a type accept values declared `as const`, and types the stages inside options. */
type Frozen<T> =
  T extends InputOption<infer Mark>
    ? InputSpecs[Mark]
    : T extends BranchOption<infer Own>
      ? BranchSpec & Frozen<OptionsOf<Own>>
      : T extends object
        ? { readonly [Key in keyof T]: Frozen<T[Key]> }
        : T;

/** The type of an option that holds stages, by its mark. */
interface InputSpecs {
  readonly source: SourceSpec;
  readonly line: SourceSpec & { readonly operators?: readonly OperatorSpec[] | undefined };
  readonly operators: readonly OperatorSpec[];
}

/** A sink with what stands before it in its branch. */
type BranchSpec = SinkSpec & {
  readonly operators?: readonly OperatorSpec[] | undefined;
  readonly batcher?: BatcherSpec | undefined;
  readonly queue?: Frozen<z.input<typeof QueueOptions>> | undefined;
};

type SourceFront = Frozen<z.input<typeof SourceFrontOptions>>;

/** Where rows come from: a source with its options, budget, breaker and queue. */
export type SourceSpec = StageSpec<'source'> & SourceFront;
/** What happens to rows: an operator with its options. */
export type OperatorSpec = StageSpec<'operator'>;
/** What closes a batch for the sink: a batcher with its options. There is only one, so `use` may be left out. */
export type BatcherSpec = Omit<StageSpec<'batcher'>, 'use'> & Partial<Pick<StageSpec<'batcher'>, 'use'>>;
/** Where rows go: a sink with its options. */
export type SinkSpec = StageSpec<'sink'>;

/**
 * A pipeline as plain data. The type includes the names and options of components, so a wrong one does not
 * compile. Everything else is checked when the spec is submitted or built.
 */
export type PipelineSpec = Omit<SpecOutline, 'source' | 'operators' | 'batcher' | 'sink'> & {
  readonly source: SourceSpec;
  readonly operators?: readonly OperatorSpec[] | undefined;
  readonly batcher?: BatcherSpec | undefined;
  readonly sink: SinkSpec;
};

/** A spec whose source or sink may be left out, because it is given in code. */
export type OpenSpec = Omit<PipelineSpec, 'source' | 'sink'> & {
  /** Without `use`: the budget, breaker and queue of a source given in code. */
  readonly source?: SourceSpec | SourceFront;
  readonly sink?: SinkSpec;
};

/**
 * Types data from outside (a file, a request) as a spec, without checking it. `submit`, `resolveSpec` and
 * the pipeline of `createPipeline` check every spec, and report everything that is wrong with it.
 */
export function uncheckedSpec(data: unknown): PipelineSpec {
  return data as PipelineSpec; // not true yet: every function that takes a spec checks it first
}
