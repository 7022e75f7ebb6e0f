import type { z } from 'zod';
import type { Component, ComponentKind } from '../engine/component.js';
import type { SourceGateOptions } from '../providers/source-gate-options.js';
import type { BUILT_IN } from '../registry/built-in.js';
import type { InputOption } from '../settings/input-mark.js';
import type { SpecOutline } from './pipeline-spec.js';

type BuiltIn = (typeof BUILT_IN)[number];

/** Each component of a kind as a spec writes it: `use` says which, the other keys are its options. */
type StageSpec<Kind extends ComponentKind, One = BuiltIn> =
  One extends Component<Kind, infer Name, infer Options>
    ? Named<Name> & Frozen<OptionsOf<z.input<Options>>>
    : never;

interface Named<Name> {
  readonly use: Name;
  /** Your name for the stage. */
  readonly name?: string | undefined;
}

/** Zod says of a component without options that its every key, `use` too, is of type `never`. */
type OptionsOf<Input> = string extends keyof Input ? unknown : Input;

/** Takes what is declared `as const`, too. Where options hold stages, it says which there are. */
type Frozen<T> =
  T extends InputOption<infer Mark>
    ? InputSpecs[Mark]
    : T extends object
      ? { readonly [Key in keyof T]: Frozen<T[Key]> }
      : T;

/** What an option that is an input holds. */
interface InputSpecs {
  readonly source: SourceSpec;
  readonly line: SourceSpec & { readonly operators?: readonly OperatorSpec[] | undefined };
  readonly operators: readonly OperatorSpec[];
}

type SourceGate = Frozen<z.input<typeof SourceGateOptions>>;

/** Where rows come from: a source with its options, and what stands in front of it. */
export type SourceSpec = StageSpec<'source'> & SourceGate;
/** What happens to rows: an operator with its options. */
export type OperatorSpec = StageSpec<'operator'>;
/** There is one, so that its name may be left out. */
export type BatcherSpec = Omit<StageSpec<'batcher'>, 'use'> & Partial<Pick<StageSpec<'batcher'>, 'use'>>;
/** Where rows go: a sink with its options. */
export type SinkSpec = StageSpec<'sink'>;

/**
 * A pipeline as plain data. The names of components and their options are part of the type, so that a
 * wrong one does not compile; all else is checked when the spec is submitted or built.
 */
export type PipelineSpec = Omit<SpecOutline, 'source' | 'operators' | 'batcher' | 'sink'> & {
  readonly source: SourceSpec;
  readonly operators?: readonly OperatorSpec[] | undefined;
  readonly batcher?: BatcherSpec | undefined;
  readonly sink: SinkSpec;
};

/** A spec whose source or sink may be left out, because it is given in code. */
export type OpenSpec = Omit<PipelineSpec, 'source' | 'sink'> & {
  /** Without a component, what stands in front of a source given in code. */
  readonly source?: SourceSpec | SourceGate;
  readonly sink?: SinkSpec;
};

/**
 * Takes data from outside (a file, a request) for a spec. Looks at nothing: `submit`, `resolveSpec`
 * and `createPipeline` check every spec, and refuse what is none with all that is wrong.
 */
export function uncheckedSpec(data: unknown): PipelineSpec {
  return data as PipelineSpec; // true once it was checked, which those who take it do first
}
