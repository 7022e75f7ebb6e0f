import { PipelineError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import { blame } from '../engine/blame.js';
import type { SinkFactory, TakenOver, TakeOver } from '../engine/factories.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { Checkpoint, Undecided } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, titleOf } from '../wire/stage-tree.js';

/** Who asks, and with which code. */
export interface DecisionSettings extends Omit<TakeOver, 'sink' | 'key'> {
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
 *   or has no record of the run, or the spec has no such sink any more. What the sink throws.
 */
export async function decidedCheckpoint(
  found: Checkpoint,
  spec: ResolvedSpec,
  { registry, sink, ...start }: DecisionSettings,
): Promise<Checkpoint | undefined> {
  const { undecided, ...checkpoint } = found;
  if (!undecided) return found;
  const answer = await askSink(undecided, spec, { registry, sink, ...start });
  if (!answer) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `"${spec.name}": expected the database of "${undecided.sink}" to have the record of the run (key ${undecided.key}), ` +
        'which says whether the last checkpoint of the store counts, found none: the sink writes to another database or ' +
        'table now, or the record was removed. Name the one that the run has written to, or put the record back; or remove ' +
        'the rows of the run and its checkpoints to begin anew',
    );
  }
  const { committed } = answer;
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
  { sink: name, key }: Undecided,
  spec: ResolvedSpec,
  { registry, sink: given, ...start }: DecisionSettings,
): Promise<TakenOver | undefined> {
  const place = placesOf<ResolvedStage>(spec).find((one) => one.kind === 'sink' && one.key === name);
  const isGiven = given !== undefined && name === 'sink';
  const factory = isGiven ? given : place && (await loadStage(registry, 'sink', place.stage));
  if (!place || !factory?.takeOver) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `"${spec.name}": expected the sink "${name}", whose database knows whether the last checkpoint counts, found ` +
        `${place ? `"${place.stage.use}", which cannot tell` : 'none'}: start with the spec that it is of`,
    );
  }
  start.signal?.throwIfAborted();
  const answer: unknown = await blame('SINK_FAILED', { id: place.id, title: titleOf(place) }, () =>
    factory.takeOver!(place.stage.options, { ...start, key, sink: name }),
  );
  if (isTakenOver(answer)) return answer;
  throw new PipelineError(
    'SINK_FAILED',
    `"${spec.name}": expected "takeOver" of the sink "${name}" to answer with { committed }, a text if the database has ` +
      `committed a checkpoint of the run, or with undefined if it has no record of the run; found ${describeValue(answer)}`,
  );
}

/** A sink may be of plain JavaScript, and a wrong answer would begin the run anew. */
function isTakenOver(answer: unknown): answer is TakenOver | undefined {
  if (answer === undefined) return true;
  if (typeof answer !== 'object' || answer === null) return false;
  const { committed } = answer as { readonly committed?: unknown };
  return committed === undefined || typeof committed === 'string';
}
