import { PipelineError } from '../core/errors.js';
import { blame } from '../engine/blame.js';
import type { SinkFactory, TakeOver } from '../engine/factories.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { Checkpoint, Undecided } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, titleOf } from '../wire/stage-tree.js';

/** Who asks, and with which code. */
export interface DecisionSettings extends Omit<TakeOver, 'sink'> {
  readonly registry: Registry;
  /** The sink of the spec, if it is given in code. */
  readonly sink?: SinkFactory<unknown> | undefined;
}

/**
 * Returns the checkpoint that counts, of what a claim has found at the store. If only a database knows, its sink takes
 * the run over there first, so that the answer stands.
 *
 * @returns `undefined` if none counts: the run begins anew.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the database has committed a checkpoint that the store does not have,
 *   or the spec has no such sink any more. What the sink throws.
 */
export async function decidedCheckpoint(
  found: Checkpoint,
  spec: ResolvedSpec,
  { registry, sink, ...start }: DecisionSettings,
): Promise<Checkpoint | undefined> {
  const { undecided, ...checkpoint } = found;
  if (!undecided) return found;
  const committed = await askSink(undecided, spec, { registry, sink, ...start });
  if (committed === checkpoint.decidedAs) return checkpoint;
  const { before } = undecided;
  if (committed === before?.decidedAs) return before && { ...before, dictionaries: checkpoint.dictionaries };
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `"${spec.name}": expected the database of "${undecided.sink}" to have committed the last checkpoint of the store ` +
      `(${checkpoint.decidedAs}) or the one before it (${before?.decidedAs ?? 'none'}), found ${committed ?? 'none'}: ` +
      'the store or the database was put back to an older state. Put back the other one, too, or remove the rows of the ' +
      'run and its checkpoints to begin anew',
  );
}

async function askSink(
  { sink: key }: Undecided,
  spec: ResolvedSpec,
  { registry, sink: given, ...start }: DecisionSettings,
): Promise<string | undefined> {
  const place = placesOf<ResolvedStage>(spec).find((one) => one.kind === 'sink' && one.key === key);
  const isGiven = given !== undefined && key === 'sink';
  const factory = isGiven ? given : place && (await loadStage(registry, 'sink', place.stage));
  if (!place || !factory?.takeOver) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `"${spec.name}": expected the sink "${key}", whose database knows whether the last checkpoint counts, found ` +
        `${place ? `"${place.stage.use}", which cannot tell` : 'none'}: start with the spec that it is of`,
    );
  }
  return blame('SINK_FAILED', { id: place.id, title: titleOf(place) }, () =>
    factory.takeOver!(place.stage.options, { ...start, sink: key }),
  );
}
