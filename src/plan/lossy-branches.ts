import type { RowKind, Schema } from '../columns/schema.js';
import type { SpecProblem } from '../core/errors.js';
import type { SinkCapabilities } from '../engine/sink-capabilities.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import { losesRows, OVERFLOW_KINDS, type OverflowPolicy, overflowFor } from '../settings/overflow-policy.js';
import { defaultOverflow } from '../topics/default-overflow.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, placesOf, placesOfBranch } from '../wire/stage-tree.js';
import { topicEnds } from '../wire/stages-of-spec.js';
import { sourceQueues } from './source-queues.js';

/** A branch whose queue leaves rows out when it is full. */
export interface LossyBranch {
  /** The path of its sink in the spec. */
  readonly id: string;
  readonly path: Path;
  readonly policy: OverflowPolicy;
  /** The option that says so. */
  readonly at: Path;
}

/**
 * Returns the branches whose queues may leave rows out.
 *
 * @param into - The columns that each sink is given, by id. If they are unknown, a policy counts for rows of
 *   any kind.
 */
export function lossyBranches(spec: ResolvedSpec, into: ReadonlyMap<string, Schema>): readonly LossyBranch[] {
  return placesOf<ResolvedStage>(spec).flatMap((owner) =>
    Object.values(owner.stage.branches ?? {}).flatMap((branch) => {
      const { overflow } = branch.queue;
      const kind = kindsOf(into.get(owner.id)).find((each) => losesRows(overflowFor(overflow, each)));
      if (kind === undefined) return [];
      const { id, path } = placesOfBranch(owner, branch).sink;
      const key = typeof overflow === 'string' ? [] : [OVERFLOW_KINDS[kind]];
      const at = [...path, 'queue', 'overflow', ...key];
      return [{ id, path, at, policy: overflowFor(overflow, kind) }];
    }),
  );
}

/**
 * Returns the sources of the main stream whose queues may leave rows out, with their policies: those behind them,
 * and of a topic, that of its producer.
 */
export function lossySources(
  spec: ResolvedSpec,
  outputs: ReadonlyMap<string, Schema>,
): readonly Pick<LossyBranch, 'id' | 'policy' | 'path'>[] {
  const topics = topicEnds(spec).flatMap(({ kind, id, path, schema, overflow = defaultOverflow(schema) }) =>
    kind === 'source' && path[0] === 'source' && losesRows(overflow) ? [{ id, path, policy: overflow }] : [],
  );
  const queues = sourceQueues(spec).flatMap(({ place: { id, path }, queue: { overflow } }) => {
    if (path[0] !== 'source') return []; // rows of other inputs are looked up, not delivered
    const kind = kindsOf(outputs.get(id)).find((each) => losesRows(overflowFor(overflow, each)));
    return kind === undefined ? [] : [{ id, path, policy: overflowFor(overflow, kind) }];
  });
  return [...topics, ...queues];
}

/** If the columns are unknown, rows may be of any kind. */
const kindsOf = (schema: Schema | undefined): readonly RowKind[] =>
  schema ? [schema.kind] : (Object.keys(OVERFLOW_KINDS) as RowKind[]);

/** A sink without branches, and what it promises. */
export interface SinkPromise {
  readonly id: string;
  readonly path: Path;
  /** `undefined` if only user code could report it. */
  readonly delivery: SinkCapabilities['delivery'] | undefined;
}

/** What decides at which sinks the rows of a run arrive exactly once. */
export interface ExactlyOnceFacts {
  readonly hasStore: boolean;
  /** `undefined` if only user code could report it. */
  readonly source: SourceCapabilities['delivery'] | undefined;
  readonly sinks: readonly SinkPromise[];
}

/** Returns the sinks at which each row arrives exactly once, however often the run is cut short and gone on with. */
function exactlyOnceSinks({ hasStore, source, sinks }: ExactlyOnceFacts): readonly SinkPromise[] {
  if (!hasStore || source === undefined || source === 'live-only') return [];
  return sinks.filter(({ delivery }) => delivery !== undefined && delivery !== 'append');
}

/** A branch that may not leave rows out, since they are to arrive exactly once behind it. */
export interface RefusedBranch extends LossyBranch {
  /** The ids of these sinks. */
  readonly sinks: readonly string[];
}

/** Returns the branches that leave rows out in front of a sink at which each row arrives exactly once. */
export function refusedBranches(
  lossy: readonly LossyBranch[],
  facts: ExactlyOnceFacts,
): readonly RefusedBranch[] {
  const exact = exactlyOnceSinks(facts);
  return lossy.flatMap((branch) => {
    const sinks = exact.filter(({ path }) => isBehind(path, branch)).map(({ id }) => id);
    return sinks.length === 0 ? [] : [{ ...branch, sinks }];
  });
}

/** Whether a sink is that of a branch, or inside it. */
export const isBehind = (sink: Path, { path }: LossyBranch): boolean =>
  path.every((key, i) => key === sink[i]);

/** Returns why branches may not leave rows out. */
export function problemsOfLoss(branches: readonly RefusedBranch[]): SpecProblem[] {
  return branches.map(({ at, policy, sinks }) => ({
    path: at,
    message:
      `expected block or fail, found ${policy}: with a checkpoint store, each row arrives exactly once at ` +
      `${sinks.join(', ')}, and this branch may leave rows out; choose another policy, or run without a store`,
  }));
}
