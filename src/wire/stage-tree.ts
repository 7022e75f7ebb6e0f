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
  /** At run time: whether the stage that reads it opens and closes it, and may do so many times. */
  readonly isOnDemand?: boolean | undefined;
}

/** What a sink passes rows on to: a sink with operators and a batcher before it. */
export interface BranchTree<S> {
  /**
   * Where its sink is among the options of the sink that passes rows on: `['branches', 0]`,
   * `['routes', 'large']`. Its operators and its batcher are within the options of its sink.
   */
  readonly at: Path;
  readonly operators: readonly S[];
  readonly batcher: S;
  readonly sink: S;
}

/** A stage, with the stages inside it. */
export interface StageNode<S> {
  readonly use: string;
  /** Given by the user; unique in its spec. */
  readonly name?: string | undefined;
  /** By id: `with`, `sources[1]`. */
  readonly inputs?: Readonly<Record<string, InputTree<S>>> | undefined;
  /** Of a sink, by id: `branches[0]`, `routes.large`. */
  readonly branches?: Readonly<Record<string, BranchTree<S>>> | undefined;
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
   * change; otherwise its place, within the stage or the branch that it is inside.
   */
  readonly key: string;
  readonly stage: S;
  /** Whether it belongs to an input or a branch of another stage. */
  readonly isNested: boolean;
  /** Whether it belongs to a branch, or to an input of a stage in one. Its state is part of that of the sink. */
  readonly isInBranch: boolean;
  /** Whether it belongs to an input on demand, or is inside one: this opens and closes it, and has its state. */
  readonly isOnDemand: boolean;
}

/** Returns all stages, each before the stages inside it. The places of `StartStep` count in this order. */
export function placesOf<S extends StageNode<S>>(tree: StageTree<S>): readonly StagePlace<S>[] {
  const { source, operators, batcher, sink } = placesInLine(tree);
  return [source, ...operators, batcher, sink].flatMap((place) => withNested(place));
}

/** Returns a stage and all stages inside it. */
export function stagesWithin<S extends StageNode<S>>(stage: S): readonly S[] {
  if (isAlone(stage)) return [stage];
  const { inputs = {}, branches = {} } = stage;
  const inside = [
    ...Object.values(inputs).flatMap(({ source, operators }) => [source, ...operators]),
    ...Object.values(branches).flatMap(({ operators, batcher, sink }) => [...operators, batcher, sink]),
  ];
  return [stage, ...inside.flatMap((each) => stagesWithin(each))];
}

/** Returns the places of the stages themselves, without those inside them. */
export function placesInLine<S extends StageNode<S>>(tree: StageTree<S>): StageTree<StagePlace<S>> {
  const outside = { isNested: false, isInBranch: false, isOnDemand: false };
  const single = (kind: 'source' | 'batcher' | 'sink'): StagePlace<S> => {
    return { kind, path: [kind], id: kind, key: kind, stage: tree[kind], ...outside };
  };
  const operators = tree.operators.map((stage, i): StagePlace<S> => {
    const path = ['operators', i];
    return { kind: 'operator', path, id: formatPath(path), key: keyOf(stage, path), stage, ...outside };
  });
  return { source: single('source'), operators, batcher: single('batcher'), sink: single('sink') };
}

/** Returns the places of the stages of an input, without those inside them. */
export function placesOfInput<S extends StageNode<S>>(
  owner: StagePlace<S>,
  { at, source, operatorsAt, operators, isOnDemand }: InputTree<S>,
): { readonly source: StagePlace<S>; readonly operators: readonly StagePlace<S>[] } {
  const by = { isInBranch: owner.isInBranch, isOnDemand: owner.isOnDemand || isOnDemand === true };
  return {
    source: placeWithin(owner, 'source', source, at, by),
    operators: operators.map((stage, i) => placeWithin(owner, 'operator', stage, [...operatorsAt, i], by)),
  };
}

/** Returns the places of all stages of an input, each before the stages inside it. */
export function placesInInput<S extends StageNode<S>>(
  owner: StagePlace<S>,
  input: InputTree<S>,
): readonly StagePlace<S>[] {
  const { source, operators } = placesOfInput(owner, input);
  return [source, ...operators].flatMap((place) => withNested(place));
}

/** Returns the places of all stages of a branch, each before the stages inside it. */
export function placesInBranch<S extends StageNode<S>>(
  owner: OwnerPlace,
  branch: BranchTree<S>,
): readonly StagePlace<S>[] {
  const { operators, batcher, sink } = placesOfBranch(owner, branch);
  return [...operators, batcher, sink].flatMap((place) => withNested(place));
}

/** Returns the places of the stages of a branch, without those inside them. */
export function placesOfBranch<S extends StageNode<S>>(
  owner: OwnerPlace,
  { at, operators, batcher, sink }: BranchTree<S>,
): Omit<StageTree<StagePlace<S>>, 'source'> {
  // What stands before the sink goes by its name, too: the name of a sink is that of its branch.
  const by = { isInBranch: true, isOnDemand: false };
  const place = placeWithin(owner, 'sink', sink, at, by);
  return {
    operators: operators.map((stage, i) => placeWithin(place, 'operator', stage, ['operators', i], by)),
    batcher: placeWithin(place, 'batcher', batcher, ['batcher'], by),
    sink: place,
  };
}

/** The place of a stage that has others inside it. */
export type OwnerPlace = Pick<StagePlace<unknown>, 'path' | 'key'>;

function placeWithin<S extends StageNode<S>>(
  owner: OwnerPlace,
  kind: StagePlace<S>['kind'],
  stage: S,
  within: Path,
  by: Pick<StagePlace<S>, 'isInBranch' | 'isOnDemand'>,
): StagePlace<S> {
  const path = [...owner.path, ...within];
  const key = keyOf(stage, [owner.key, ...within]);
  return { kind, path, id: formatPath(path), key, stage, isNested: true, ...by };
}

function withNested<S extends StageNode<S>>(owner: StagePlace<S>): StagePlace<S>[] {
  if (isAlone(owner.stage)) return [owner];
  const { inputs = {}, branches = {} } = owner.stage;
  const inInputs = Object.values(inputs).flatMap((input) => placesInInput(owner, input));
  return [owner, ...inInputs, ...Object.values(branches).flatMap((branch) => placesInBranch(owner, branch))];
}

/** Whether no stage is inside it. Most are so. */
export const isAlone = ({ inputs, branches }: StageNode<unknown>): boolean => !inputs && !branches;

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
