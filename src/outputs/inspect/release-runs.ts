import { basename, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import { silentLogger } from '../../telemetry/logger.js';
import { Disk } from '../disk/disk.js';
import { type FileSystem, nodeFileSystem } from '../disk/file-system.js';
import { randomName } from '../disk/random-name.js';
import { finishReplacements } from '../parts/replacement.js';
import { fenceEarlier } from '../runs/fence.js';
import { removeUnkept } from '../runs/output-run.js';
import { describeRun, epochOf, forgetRun, type RegisteredRun, registeredRuns } from '../runs/run-entries.js';
import { type OutputView, RELEASED, type StagedFolder } from './inspect-output.js';

export interface ReleaseOptions {
  /** Release only this run. */
  readonly run?: string | undefined;
  /** Also remove staging that a checkpoint store could resume. */
  readonly staged?: boolean | undefined;
}

/** What a release does to an output, once a person has confirmed that these runs are over. */
export interface ReleasePlan {
  /** Runs of which nobody here can tell whether they are over, and entries that cannot be parsed. */
  readonly free: readonly RegisteredRun[];
  /** Runs that are certainly over. The next run at the output would clean up after them, too. */
  readonly bury: readonly RegisteredRun[];
  /** Staging to remove although a checkpoint store could have resumed it. */
  readonly remove: readonly StagedFolder[];
  /** Staging that stays because a checkpoint store may resume it. */
  readonly keep: readonly StagedFolder[];
  /** Folders that an earlier release had begun to remove. */
  readonly finish: readonly string[];
  /** Runs that are still working, which are left alone. */
  readonly live: readonly RegisteredRun[];
}

/**
 * Plans a release. Changes nothing.
 *
 * @throws {PipelineError} `OUTPUT_IN_USE` if the requested run is still working, `RUN_UNKNOWN` if there
 *   is no run with this id.
 */
export function planRelease(
  { output, runs, staged, released }: OutputView,
  { run, staged: withStaged }: ReleaseOptions = {},
): ReleasePlan {
  const isMeant = (id: string | undefined) => run === undefined || id === run;
  const live = runs.filter(({ liveness }) => liveness === 'live');
  // Earlier owners of a run that is still working may have left entries and folders that it still reads.
  const liveIds = new Set(live.map(({ entry }) => entry?.run));
  const atWork = run === undefined ? undefined : live.find(({ entry }) => entry?.run === run);
  if (atWork?.entry) {
    throw new PipelineError(
      'OUTPUT_IN_USE',
      `Run "${run}" of ${describeRun(atWork.entry)} is at work at "${output}", and is not released: stop it first`,
    );
  }
  const known = [...new Set([...runs.map(({ entry }) => entry?.run), ...staged.map((one) => one.run)])];
  if (run !== undefined && !known.includes(run)) {
    const others = known.filter((id) => id !== undefined);
    throw new PipelineError(
      'RUN_UNKNOWN',
      `"${output}" holds nothing of a run "${run}"` +
        (others.length > 0 ? `; there is ${others.join(', ')}` : ': no run has left anything there'),
    );
  }
  const over = runs.filter(({ entry }) => isMeant(entry?.run) && !liveIds.has(entry?.run));
  const idle = staged.filter((one) => isMeant(one.run) && !liveIds.has(one.run));
  const kept = idle.filter(({ isKept }) => isKept);
  return {
    free: over.filter(({ liveness }) => liveness !== 'live' && liveness !== 'gone'),
    bury: over.filter(({ liveness }) => liveness === 'gone'),
    remove: withStaged ? idle.filter((one) => one.isKept || one.owner === 'ended') : [],
    keep: withStaged ? [] : kept,
    finish: released,
    live,
  };
}

/**
 * Frees an output. Each run is fenced before its entry is emptied: if it is still working after all, it
 * fails with `FENCED` at its next step and publishes nothing. Safe to run beside other releases and
 * beside runs that start. A release that dies halfway is finished by the next one.
 *
 * @throws {PipelineError} `OUTPUT_FAILED`
 */
export async function release(
  { kind, output: directory, state, replacements }: OutputView,
  { free, bury, remove, finish }: ReleasePlan,
  fs: FileSystem = nodeFileSystem,
): Promise<void> {
  const disk = new Disk(fs, silentLogger);
  const fenced: { readonly one: RegisteredRun; readonly folder: string | undefined }[] = [];
  for (const one of [...free, ...bury]) {
    if (!one.entry) await refuseLink(disk, one.path);
    fenced.push({ one, folder: one.entry && (await fence(disk, state, one.entry)) });
  }

  // Decided replacements need files in folders that are about to be removed.
  const touched = new Set([...fenced.map(({ one }) => one.entry?.run), ...remove.map(({ run }) => run)]);
  if (kind !== 'file' && replacements.some(({ run }) => touched.has(run))) {
    await finishReplacements({ disk, state, directory }, '');
  }
  for (const { one, folder } of fenced) {
    if (one.entry && folder) await removeUnkept(disk, state, one.entry, folder);
    await forgetRun(disk, one.path);
  }
  if (remove.length > 0) await takeAway(disk, state, new Set(remove.map(({ run }) => run)));
  if (remove.length + finish.length > 0) await removeReleased(disk, state);
}

/** @returns The current name of the owner's folder; `undefined` if there is none. */
async function fence(
  disk: Disk,
  state: string,
  { run, staging }: NonNullable<RegisteredRun['entry']>,
): Promise<string | undefined> {
  try {
    const folders = await fenceEarlier(disk, join(state, run), epochOf(staging) + 1);
    return folders.find((folder) => basename(folder).startsWith(staging));
  } catch (error) {
    // A run's folder is removed once it is empty.
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A single rename moves all files of a run out of reach of anyone who could resume it. */
async function takeAway(disk: Disk, state: string, runs: ReadonlySet<string>): Promise<void> {
  const live = (await registeredRuns(disk, state)).filter(({ liveness }) => liveness === 'live');
  const taken = new Set(live.map(({ entry }) => entry?.run));
  for (const run of runs) {
    if (taken.has(run)) continue; // resumed a moment ago
    const path = join(state, run);
    try {
      await disk.fs.rename(path, join(state, `released-${randomName()}`));
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw outputFailed('rename', path, error);
    }
  }
  await disk.syncDirectory(state);
}

async function removeReleased(disk: Disk, state: string): Promise<void> {
  for (const name of (await disk.list(state)).filter((found) => RELEASED.test(found))) {
    const folder = join(state, name);
    for (const inside of await disk.list(folder)) {
      await disk.removeFolderQuietly(join(folder, inside));
    }
    await disk.removeFolderQuietly(folder);
  }
}

/** Refuses a link, since the file that it leads to would be emptied. */
async function refuseLink(disk: Disk, path: string): Promise<void> {
  const found = await disk.fs.lstat(path).catch(() => undefined);
  if (!found || found.isFile()) return;
  throw new PipelineError(
    'OUTPUT_FAILED',
    `"${path}" should be the file of a running run, but is not a file: look at it, and remove it by hand`,
  );
}
