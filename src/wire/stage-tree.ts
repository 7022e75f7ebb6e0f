import { formatPath } from '../core/errors.js';

/** Keys from the root of a spec, or of a stage's options. */
export type Path = readonly (string | number)[];

/** What a stage reads besides its input stream: a source with operators behind it. */
export interface InputTree<S> {
  /** Where its source is among the options of the stage that reads it: `['with']`, `['sources', 1]`. */
  readonly at: Path;
  readonly source: S;
  /** Where its operators are among these options. */
  readonly operatorsAt: Path;
  readonly operators: readonly S[];
}

/** A stage, with the stages inside it. */
export interface StageNode<S> {
  readonly use: string;
  /** Given by the user; unique in its spec. */
  readonly name?: string | undefined;
  /** By id: `with`, `sources[1]`. */
  readonly inputs?: Readonly<Record<string, InputTree<S>>> | undefined;
}

/** The stages of a pipeline. */
export interface StageTree<S> {
  readonly source: S;
  readonly operators: readonly S[];
  readonly batcher: S;
  readonly sink: S;
}

/** A stage and where it is in its tree. */
export interface StagePlace<S> {
  readonly kind: 'source' | 'operator' | 'batcher' | 'sink';
  readonly path: Path;
  /** The path as text: `operators[0].with`. */
  readonly id: string;
  /**
   * What its state and its options are called in a checkpoint: its name, if it has one and its place may
   * change; otherwise its place, within the stage that reads it.
   */
  readonly key: string;
  readonly stage: S;
  /** Whether it belongs to an input of another stage. */
  readonly isNested: boolean;
}

/** Returns all stages, each before the stages inside it. The places of `StartStep` count in this order. */
export function placesOf<S extends StageNode<S>>(tree: StageTree<S>): readonly StagePlace<S>[] {
  const { source, operators, batcher, sink } = placesInLine(tree);
  return [source, ...operators, batcher, sink].flatMap((place) => withNested(place));
}

/** Returns the places of the stages themselves, without those inside them. */
export function placesInLine<S extends StageNode<S>>(tree: StageTree<S>): StageTree<StagePlace<S>> {
  const single = (kind: 'source' | 'batcher' | 'sink'): StagePlace<S> => {
    return { kind, path: [kind], id: kind, key: kind, stage: tree[kind], isNested: false };
  };
  const operators = tree.operators.map((stage, i): StagePlace<S> => {
    const path = ['operators', i];
    return { kind: 'operator', path, id: formatPath(path), key: keyOf(stage, path), stage, isNested: false };
  });
  return { source: single('source'), operators, batcher: single('batcher'), sink: single('sink') };
}

/** Returns the places of the stages of an input, without those inside them. */
export function placesOfInput<S extends StageNode<S>>(
  owner: StagePlace<S>,
  { at, source, operatorsAt, operators }: InputTree<S>,
): { readonly source: StagePlace<S>; readonly operators: readonly StagePlace<S>[] } {
  const place = (kind: 'source' | 'operator', stage: S, within: Path): StagePlace<S> => {
    const path = [...owner.path, ...within];
    const key = keyOf(stage, [owner.key, ...within]);
    return { kind, path, id: formatPath(path), key, stage, isNested: true };
  };
  return {
    source: place('source', source, at),
    operators: operators.map((stage, i) => place('operator', stage, [...operatorsAt, i])),
  };
}

function withNested<S extends StageNode<S>>(owner: StagePlace<S>): StagePlace<S>[] {
  const inside = Object.values(owner.stage.inputs ?? {}).flatMap((input) => {
    const { source, operators } = placesOfInput(owner, input);
    return [source, ...operators];
  });
  return [owner, ...inside.flatMap((place) => withNested(place))];
}

/** In quotes, a name is never taken for a place. */
const keyOf = ({ name }: StageNode<unknown>, place: Path): string =>
  name === undefined ? formatPath(place) : `"${name}"`;

const KINDS = { source: 'Source', operator: 'Operator', batcher: 'Batcher', sink: 'Sink' } as const;

/** What a stage is called in errors: `Operator "bars" (operators[0])`. */
export function titleOf({ kind, id, stage }: StagePlace<StageNode<unknown>>): string {
  const title = `${KINDS[kind]} "${stage.use}"`;
  const isOnlyOne = id === kind;
  if (stage.name !== undefined) return `${title} (${stage.name}${isOnlyOne ? '' : `, ${id}`})`;
  return isOnlyOne ? title : `${title} (${id})`;
}
