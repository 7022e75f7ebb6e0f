import type { StageContext } from '../engine/stage.js';
import type { Owner } from '../wire/checkpoint.js';

/** Name of the table of commits, in the schema of the table that is written. */
export const COMMITS = 'tickloom_commits';

/** Whose row of the table of commits it is, and by which start. */
export interface CommitHolder {
  readonly job: string;
  /** Under which the database knows the run. */
  readonly key: string;
  /** What the sink is called in checkpoints. */
  readonly sink: string;
  readonly epoch: number;
  readonly owner: Owner;
}

/** Returns who a sink commits for; `undefined` without a checkpoint store. */
export function commitHolderOf({
  checkpointed,
  run,
  databaseKey,
  job,
  id,
  key = id,
}: StageContext): CommitHolder | undefined {
  if (!checkpointed || !run) return undefined;
  return { job, key: databaseKey ?? run.id, sink: key, epoch: run.epoch, owner: run.owner };
}
