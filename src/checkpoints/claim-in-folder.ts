import type { Logger } from '../telemetry/logger.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { type ClaimedRun, claimUnlessEnded, type EndedRun, isRunOver } from './claim-run.js';
import { FileCheckpointStore } from './file-checkpoint-store.js';

/**
 * Claims the key of a job, which is its name, at the store in a folder.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the checkpoint is from another spec; nothing is claimed then.
 *   `CHECKPOINT_FAILED` if the store fails.
 */
export function claimInFolder(
  spec: ResolvedSpec,
  { path, everyMs, followsEpoch }: CheckpointFolder,
  log: Logger,
  signal?: AbortSignal,
): Promise<ClaimedRun | EndedRun> {
  const store = new FileCheckpointStore(path);
  const options = { store, key: undefined, checkpointEveryMs: everyMs, checkpoint: undefined, log, signal };
  return claimUnlessEnded(spec, options, followsEpoch);
}

/**
 * Whether the last run of a job has completed.
 *
 * @throws {PipelineError} `CHECKPOINT_FAILED` if the store fails.
 */
export const isRunOverInFolder = (spec: ResolvedSpec, { path }: CheckpointFolder): Promise<boolean> =>
  isRunOver(spec, new FileCheckpointStore(path));
