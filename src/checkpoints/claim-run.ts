import { InvalidOptionsError } from '../core/errors.js';
import { randomId } from '../core/random-id.js';
import type { CheckpointSaver } from '../engine/checkpoint-keeper.js';
import { checkFingerprint } from '../plan/spec-fingerprint.js';
import { type Checkpoint, type RunIdentity, readCheckpoint } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { type CheckpointStore, keyProblem } from './checkpoint-store.js';
import { shareOfKey } from './share-of-key.js';

export interface ClaimOptions {
  readonly store: CheckpointStore;
  /** Default: the spec's name. */
  readonly key: string | undefined;
  readonly checkpointEveryMs: number | undefined;
  /** Must not be there: the store has it. */
  readonly checkpoint: Checkpoint | undefined;
}

export interface ClaimedRun {
  readonly run: RunIdentity;
  readonly checkpoint?: Checkpoint;
  readonly saver: CheckpointSaver;
}

const EVERY_MS = 10_000;
const EVERY_MS_MIN = 10;
const EVERY_MS_MAX = 86_400_000;

/**
 * Takes a key of a store for a start of a pipeline: the next one of the run that broke off, or the first
 * of a new run where there is none, or the last one has completed or was drained.
 *
 * @throws {InvalidOptionsError} for a key or an interval that cannot be, or a checkpoint beside the store.
 * @throws {PipelineError} `CHECKPOINT_INVALID` for the checkpoint of another spec: nothing is claimed then,
 *   so that a spec by mistake does not stop the run that is under way.
 */
export async function claimRun(spec: ResolvedSpec, options: ClaimOptions): Promise<ClaimedRun> {
  checkOptions(options);
  const { store, key = spec.name, checkpointEveryMs: everyMs = EVERY_MS } = options;
  checkGoesOn(await store.load(key), spec);
  const fence = await store.claim(key, ownerOfThread());
  // Read once more: whoever had the key may have saved until it was claimed, and not since.
  const checkpoint = checkGoesOn(await store.load(key), spec);
  const run = { id: checkpoint?.run.id ?? randomId(), epoch: fence.epoch, owner: fence.owner };
  const saver = {
    everyMs,
    firstMs: everyMs * shareOfKey(key),
    save: (taken: Checkpoint) => store.save(key, fence, taken),
  };
  return { run, saver, ...(checkpoint && { checkpoint }) };
}

/** @returns The checkpoint, where its run is to be gone on with. */
function checkGoesOn(found: Checkpoint | undefined, spec: ResolvedSpec): Checkpoint | undefined {
  if (!found) return undefined;
  const checkpoint = readCheckpoint(found); // a store in code may give anything
  if (checkpoint.ended?.isPublished) return undefined;
  checkFingerprint(checkpoint.spec, spec);
  return checkpoint;
}

function checkOptions({ key, checkpointEveryMs: everyMs, checkpoint }: ClaimOptions): void {
  const problems: string[] = [];
  const ofKey = key === undefined ? undefined : keyProblem(key);
  if (ofKey !== undefined) problems.push(`key: ${ofKey}`);
  if (everyMs !== undefined && !(everyMs >= EVERY_MS_MIN && everyMs <= EVERY_MS_MAX)) {
    problems.push(
      `checkpointEveryMs: expected ${EVERY_MS_MIN} to ${EVERY_MS_MAX} milliseconds, was ${everyMs}`,
    );
  }
  if (checkpoint) problems.push('checkpoint: expected none beside "store", which has it');
  if (problems.length > 0) throw new InvalidOptionsError('createPipeline', problems);
}
