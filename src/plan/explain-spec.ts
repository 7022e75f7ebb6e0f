import { ColumnMemory, megabytes } from '../columns/column-memory.js';
import { DictionarySet } from '../columns/dictionary.js';
import type { Schema } from '../columns/schema.js';
import { systemClock } from '../core/clock.js';
import { openGate } from '../engine/call-gate.js';
import { stopOnReject } from '../engine/rejects.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { silentLogger } from '../telemetry/logger.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, type StagePlace } from '../wire/stage-tree.js';
import { loadWithInputs, StageMaker } from './stage-maker.js';

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
  /** Capabilities of a source; missing if only user code could report them. */
  readonly capabilities?: SourceCapabilities;
}

/**
 * Lists the stages of a checked spec, each before those inside it. Opens nothing and runs no user code.
 *
 * @param outputs - The output schema of each stage, by its id.
 */
export async function explainSpec(
  spec: ResolvedSpec,
  outputs: ReadonlyMap<string, Schema>,
  registry: Registry = builtIn,
): Promise<readonly ExplainedStage[]> {
  const places = placesOf<ResolvedStage>(spec);
  const explained: ExplainedStage[] = [];
  for (const place of places) {
    const { kind, id, path, stage } = place;
    const output = outputs.get(id);
    const capabilities = kind === 'source' ? await capabilitiesOf(place, spec, registry) : undefined;
    explained.push({
      stage: id,
      kind,
      ...(stage.name !== undefined && { name: stage.name }),
      use: stage.use,
      depth: places.filter((owner) => isWithin(path, owner.path)).length,
      ...(output && { output }),
      ...(capabilities && { capabilities }),
    });
  }
  return explained;
}

const isWithin = (path: readonly unknown[], owner: readonly unknown[]): boolean =>
  owner.length < path.length && owner.every((key, i) => key === path[i]);

/** Creates the source to read its capabilities. Creating a source opens nothing. */
async function capabilitiesOf(
  place: StagePlace<ResolvedStage>,
  spec: ResolvedSpec,
  registry: Registry,
): Promise<SourceCapabilities | undefined> {
  if (stagesIn(place.stage).some(({ runsUserCode }) => runsUserCode)) return undefined;
  const loaded = await loadWithInputs(registry, 'source', place, async () => undefined);
  const memory = new ColumnMemory(megabytes(spec.maxMemoryMb));
  const rejects = stopOnReject();
  const context = {
    job: spec.name,
    clock: systemClock,
    seed: spec.seed,
    log: silentLogger,
    dictionaries: new DictionarySet(memory),
    memory,
    batchRows: spec.batchRows,
    rejects,
    gate: openGate,
  };
  const maker = new StageMaker({
    context,
    rejects,
    hasDeadLetters: spec.deadLetter !== undefined,
    problems: { add() {} }, // a checked spec has none
  });
  return maker.source(loaded).stage.capabilities;
}

function stagesIn(stage: ResolvedStage): ResolvedStage[] {
  const nested = Object.values(stage.inputs ?? {}).flatMap(({ source, operators }) => [source, ...operators]);
  return [stage, ...nested.flatMap(stagesIn)];
}
