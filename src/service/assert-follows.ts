import { FileCheckpointStore } from '../checkpoints/file-checkpoint-store.js';
import { PipelineError } from '../core/errors.js';
import { cutList, cutText } from '../core/shown-text.js';
import { type ComparedCheckpoint, fitCheckpoint } from '../plan/fit-checkpoint.js';
import { fingerprintOf } from '../plan/spec-fingerprint.js';
import type { JobState } from '../supervision/job.js';
import { type Checkpoint, readCheckpoint } from '../wire/checkpoint.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf } from '../wire/stage-tree.js';
import { topicsOfSpec } from '../wire/stages-of-spec.js';

/** A job that is to go on with a changed spec. */
export interface UpdatedJob {
  readonly name: string;
  readonly state: JobState;
  /** The one that it has. */
  readonly spec: ResolvedSpec | undefined;
}

/**
 * Checks whether a job can go on with a changed spec, by its last checkpoint so far.
 *
 * @throws {PipelineError} `UPDATE_REFUSED` naming each change that its state cannot follow, and what to do; or if it
 *   is at work without checkpoints. `CHECKPOINT_INVALID` or `CHECKPOINT_FAILED` if its checkpoint cannot be read.
 */
export async function assertFollows(
  { name, state, spec: now }: UpdatedJob,
  changed: ResolvedSpec,
  checkpoints: CheckpointFolder | undefined,
): Promise<void> {
  if (!now) return; // it has ended, which is told later
  const problems = problemsOfJob(now, changed);
  const isAtWork = state !== 'queued' && state !== 'backingOff';
  if (isAtWork && !checkpoints) {
    problems.push(
      'it has no checkpoint to go on from: create the runtime with "checkpoints", or drain the job and submit the changed spec, which begins anew',
    );
  }
  if (problems.length === 0 && checkpoints) {
    const found = await lastCheckpoint(name, checkpoints);
    // A run that has not begun takes what is there, whatever spec it was from.
    const compared = state === 'queued' ? found : checkpointToCome(now, found);
    if (compared) problems.push(...problemsOfState(compared, changed));
  }
  if (problems.length === 0) return;
  const message = [`Job "${cutText(name)}" cannot go on with the changed spec`, ...problems];
  throw new PipelineError('UPDATE_REFUSED', message.join('\n  - '));
}

function problemsOfJob(now: ResolvedSpec, changed: ResolvedSpec): string[] {
  const problems: string[] = [];
  if (now.name !== changed.name) {
    problems.push(
      `name: expected the name that the job has, found "${cutText(changed.name)}": submit another job instead`,
    );
  }
  if (JSON.stringify(topicsOfSpec(now)) !== JSON.stringify(topicsOfSpec(changed))) {
    problems.push(
      'its topics would be others than those that other jobs are connected to: submit another job instead',
    );
  }
  return problems;
}

const problemsOfState = (checkpoint: ComparedCheckpoint, changed: ResolvedSpec): string[] =>
  fitCheckpoint(checkpoint, changed).misfits.map(
    ({ title, advice, paths }) => `${title}: ${advice} (${cutList(paths)})`,
  );

/** @returns `undefined` if the run has none yet: what there is, if anything, is of a run that is over. */
async function lastCheckpoint(name: string, { path }: CheckpointFolder): Promise<Checkpoint | undefined> {
  const found = await new FileCheckpointStore(path).load(name);
  return found && !found.ended?.isPublished ? readCheckpoint(found) : undefined;
}

/** The next checkpoint of the run, as far as it is known what it will be. */
function checkpointToCome(now: ResolvedSpec, found: Checkpoint | undefined): ComparedCheckpoint {
  // What no checkpoint says yet, the components do.
  const stateless = placesOf<ResolvedStage>(now).flatMap(({ kind, key, stage }) =>
    kind === 'operator' && stage.facts?.keepsNoState ? [[key, null] as const] : [],
  );
  const known = found && fitCheckpoint(found, now);
  const states = known?.misfits.length === 0 ? known.checkpoint.states : { sink: {} };
  return { spec: fingerprintOf(now), states: { ...Object.fromEntries(stateless), ...states } };
}
