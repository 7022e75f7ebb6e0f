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

/** A stage of a spec as people are told of it. Plain data. */
export interface ExplainedStage {
  /** Its path in the spec. */
  readonly stage: string;
  readonly kind: 'source' | 'operator' | 'batcher' | 'sink';
  /** Given by the user. */
  readonly name?: string;
  readonly use: string;
  /** How many stages it is inside of. */
  readonly depth: number;
  /** The rows that come out of a source or an operator. */
  readonly output?: Schema;
  /** Of a source; missing where only code of users could say. */
  readonly capabilities?: SourceCapabilities;
}

/**
 * Tells the stages of a checked spec, each before those inside it. Opens nothing and runs no code of users.
 *
 * @param outputs - What comes out of each stage, by its id.
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

/** A source says them once it is made, which opens nothing. */
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
