import type { Schema } from '../columns/schema.js';
import type { SinkCapabilities } from '../engine/sink-capabilities.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { BRANCH_KEYS } from '../settings/branch-mark.js';
import type { QueueSettings } from '../settings/queue-options.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, placesOf, placesOfBranch, type StagePlace } from '../wire/stage-tree.js';
import { columnsInto } from './columns-into.js';
import { type ExplainedDelivery, explainDelivery } from './explain-delivery.js';
import { type ExplainedShares, explainShares } from './explain-shared.js';
import { lossyBranches, lossySources } from './lossy-branches.js';
import { sourceQueues } from './source-queues.js';
import { StageProbe } from './stage-probe.js';

/** A description of a stage for people. Plain data. */
export interface ExplainedStage {
  /** The path of the stage in the spec. */
  readonly stage: string;
  readonly kind: 'source' | 'operator' | 'batcher' | 'sink';
  /** The name that the user gave the stage. */
  readonly name?: string;
  readonly use: string;
  /** The number of stages that enclose it. */
  readonly depth: number;
  /** Schema of the rows that a source or an operator emits. */
  readonly output?: Schema;
  /** Capabilities of a source, or of a sink without branches; missing if only user code could report them. */
  readonly capabilities?: SourceCapabilities | SinkCapabilities;
  /** Of the sink of a branch: the queue before the branch. Of a source: the queue behind it, if the spec says. */
  readonly queue?: QueueSettings;
}

/** A description of a spec for people. Plain data. */
export interface ExplainedSpec {
  /** Each before those inside it. */
  readonly stages: readonly ExplainedStage[];
  readonly delivery: ExplainedDelivery;
  /** Sinks that divide rows and pass those on to nobody for which no condition holds. */
  readonly unrouted: readonly string[];
  readonly shared: ExplainedShares;
}

/**
 * Describes a checked spec. Opens nothing and runs no user code.
 *
 * @param outputs - The output schema of each stage, by its id.
 */
export async function explainSpec(
  spec: ResolvedSpec,
  outputs: ReadonlyMap<string, Schema>,
  registry: Registry = builtIn,
): Promise<ExplainedSpec> {
  const probe = new StageProbe(spec, registry);
  const places = placesOf<ResolvedStage>(spec);
  const into = columnsInto<ResolvedStage>(spec, outputs);
  const queues = queuesOf(spec, places);
  const stages: ExplainedStage[] = [];
  const sinks: { place: StagePlace<ResolvedStage>; capabilities: SinkCapabilities | undefined }[] = [];
  let source: SourceCapabilities | undefined;
  for (const place of places) {
    const { kind, id, path, stage } = place;
    const output = outputs.get(id);
    const queue = queues.get(id);
    let capabilities: SourceCapabilities | SinkCapabilities | undefined;
    if (kind === 'source') {
      const own = await probe.capabilitiesOfSource(place);
      if (!place.isNested) source = own;
      capabilities = own;
    } else if (kind === 'sink' && !stage.branches) {
      const own = await probe.capabilitiesOfSink(place, into.get(id));
      sinks.push({ place, capabilities: own });
      capabilities = own;
    }
    stages.push({
      stage: id,
      kind,
      ...(stage.name !== undefined && { name: stage.name }),
      use: stage.use,
      depth: places.filter((owner) => encloses(owner, path)).length,
      ...(output && { output }),
      ...(capabilities && { capabilities }),
      ...(queue && { queue }),
    });
  }
  const delivery = explainDelivery({
    asked: spec.delivery,
    source,
    sinks,
    lossy: lossyBranches(spec, into),
    lossySources: lossySources(spec, outputs),
  });
  const unrouted = places.filter(({ stage }) => stage.facts?.leavesRowsUnrouted).map(({ id }) => id);
  return { stages, delivery, unrouted, shared: await explainShares(spec, into, probe) };
}

/** Returns the queue before each branch, by the id of its sink, and those behind sources. */
function queuesOf(
  spec: ResolvedSpec,
  places: readonly StagePlace<ResolvedStage>[],
): ReadonlyMap<string, QueueSettings> {
  const queues = places.flatMap((owner) =>
    Object.values(owner.stage.branches ?? {}).map(
      (branch) => [placesOfBranch(owner, branch).sink.id, branch.queue] as const,
    ),
  );
  return new Map([...queues, ...sourceQueues(spec).map(({ place, queue }) => [place.id, queue] as const)]);
}

/** Whether a stage is inside another one. Operators and batcher of a branch stand before its sink, not in it. */
function encloses({ kind, path: own }: StagePlace<ResolvedStage>, path: Path): boolean {
  if (own.length >= path.length || own.some((key, i) => key !== path[i])) return false;
  return kind !== 'sink' || !BRANCH_KEYS.some((key) => key === path[own.length]);
}
