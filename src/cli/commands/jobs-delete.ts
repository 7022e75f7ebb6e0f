import { FileCheckpointStore } from '../../checkpoints/file-checkpoint-store.js';
import { errnoCode } from '../../core/output-error.js';
import { nodeFileSystem } from '../../outputs/disk/file-system.js';
import { FileJobStore } from '../../store/file-job-store.js';
import type { JobRecord } from '../../store/job-store.js';
import { readStore, type StoreView } from '../../store/read-store.js';
import { holderText } from '../../store/store-lock.js';
import { isEndState } from '../../supervision/job.js';
import { askedKey, atWork, refused, say } from '../checkpoint-key.js';
import { plainText, type Terminal } from '../terminal.js';
import { askedJob, type JobsOptions, unknownJob } from './jobs.js';

export interface DeleteOptions extends JobsOptions {
  readonly yes?: boolean;
  /** Also a job that has not ended. */
  readonly unended?: boolean;
  /** Folder of the checkpoints, if they are kept elsewhere; goes before the file of the settings. */
  readonly checkpoints?: string;
  /** Path of a file with the settings of the runtime. */
  readonly settings?: string;
}

/**
 * Deletes a job with its history and its checkpoints, while no process has the store. Outputs stay.
 *
 * @returns The exit code.
 */
export function deleteJob(name: string, options: DeleteOptions, terminal: Terminal): Promise<number> {
  const { store: folder, yes, fs = nodeFileSystem } = options;
  return say(terminal, options, async () => {
    const read = await readStore(folder, fs);
    const view = { ...read, checkpointFolder: await checkpointFolderOf(options, read) };
    const job = askedJob(view, name);
    const reasons = job ? await reasonsAgainst(job, view, options) : [unknownJob(folder, name)];
    if (!job || reasons.length > 0) return refused(reasons);
    let hasCheckpoint = await hasOwnCheckpoint(job, view, options);
    if (yes) {
      const store = new FileJobStore(folder, { fs });
      try {
        const { jobs } = await store.load();
        // It may have begun, or others with its name may have come, before the store was taken.
        const now = jobs.find(({ id }) => id === job.id);
        const against = now ? await reasonsAgainst(now, { ...view, holder: undefined }, options) : [];
        if (!now) against.push(unknownJob(folder, job.id));
        if (against.length > 0) return refused(against);
        hasCheckpoint = await hasOwnCheckpoint(now as JobRecord, { ...view, jobs }, options);
        // The record last: without it, the next job of that name would go on from a checkpoint that is left.
        if (hasCheckpoint) await new FileCheckpointStore(view.checkpointFolder).remove(job.name);
        await store.deleteJob(job.id);
      } finally {
        await store.close();
      }
    }
    const what = `"${job.name}" (${job.id})${yes ? ' is deleted' : ' is to be deleted'}, with its history`;
    const { checkpointFolder } = view;
    const rest = hasCheckpoint
      ? ` and its checkpoints in ${checkpointFolder}`
      : `; no checkpoints of its own are in ${checkpointFolder}`;
    return {
      code: yes ? 0 : 1,
      text: `${plainText(`${what}${rest}; what its sinks have stays`, 1_000)}\n`,
      advice: yes ? '' : 'Nothing was changed. Add --yes to do so.\n',
      document: {
        id: job.id,
        name: job.name,
        done: yes === true,
        checkpoints: hasCheckpoint,
        checkpointFolder,
      },
    };
  });
}

async function reasonsAgainst(job: JobRecord, view: StoreView, options: DeleteOptions): Promise<string[]> {
  const { store, unended } = options;
  const reasons: string[] = [];
  if (view.holder) {
    reasons.push(
      `"${store}": expected a store that nobody has open, found that of ${holderText(view.holder)}`,
    );
  }
  if (!isEndState(job.state) && !unended) {
    reasons.push(
      `"${job.name}": expected a job that has ended, found one that is "${job.state}" and would go on at the next start; ` +
        '--unended deletes it all the same',
    );
  }
  const live = atWork(job.name, await keyOf(job, view, options));
  if (live !== undefined) reasons.push(live);
  return reasons;
}

/** Where a runtime with these settings keeps the checkpoints of the jobs of a store. @throws {InvalidOptionsError} */
async function checkpointFolderOf(
  { checkpoints, settings }: DeleteOptions,
  { checkpointFolder }: Pick<StoreView, 'checkpointFolder'>,
): Promise<string> {
  if (checkpoints !== undefined) return checkpoints;
  if (settings === undefined) return checkpointFolder;
  const { loadSettings } = await import('../load-settings.js');
  const { runtime, resilience } = await loadSettings(settings);
  resilience?.close();
  return runtime.checkpoints?.path ?? checkpointFolder;
}

/** Whether there are checkpoints, and of no later job of that name. */
async function hasOwnCheckpoint(job: JobRecord, view: StoreView, options: DeleteOptions): Promise<boolean> {
  if (view.jobs.some(({ id, name }) => name === job.name && id !== job.id)) return false;
  const key = await keyOf(job, view, options);
  return key !== undefined && !key.claim?.isRemoved;
}

async function keyOf({ name }: JobRecord, { checkpointFolder }: StoreView, options: DeleteOptions) {
  try {
    return await askedKey(checkpointFolder, name, options);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined; // no job of this store has had a checkpoint
    throw error;
  }
}
