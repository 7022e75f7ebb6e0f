import { join } from 'node:path';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { randomName } from '../disk/random-name.js';
import { fenced as fencedError, isKept, Staging, stagingName } from '../staging/staging.js';
import { refuseOvertaken, removeRunFolder, takeEpoch } from './epochs.js';
import { fenceEarlier } from './fence.js';
import { fenceOvertaken, refuseMarked, removeOvertaken, removeRefused } from './overtaken-runs.js';
import { epochOf, type RunEntry, type RunMode } from './run-entries.js';
import { type MetRuns, RunRegister } from './run-register.js';

export interface OutputRunOptions {
  readonly disk: Disk;
  readonly state: string;
  readonly job: string;
  readonly mode: RunMode;
  /** See `RunEntry`. */
  readonly columns?: string | undefined;
  /** Epoch from a checkpoint store, if there is one. */
  readonly epoch: number | undefined;
  /** See `StageContext`. */
  readonly keyId?: string | undefined;
}

/** A run at one output: its entry in the register, its epoch, and the folder that it writes in. */
export class OutputRun {
  readonly run: string;
  readonly epoch: number;
  readonly staging: Staging;
  /** Folders of earlier epochs, by their names since this epoch fenced them. */
  readonly fenced: readonly string[];
  /** Number of other runs at work. */
  readonly others: number;
  readonly #options: OutputRunOptions;
  readonly #register: RunRegister;
  readonly #met: MetRuns;

  private constructor(
    options: OutputRunOptions,
    own: Pick<OutputRun, 'run' | 'epoch' | 'staging' | 'fenced'>,
    register: RunRegister,
    met: MetRuns,
  ) {
    this.run = own.run;
    this.epoch = own.epoch;
    this.staging = own.staging;
    this.fenced = own.fenced;
    this.others = met.others;
    this.#options = options;
    this.#register = register;
    this.#met = met;
  }

  /**
   * Starts a new run. It fences nobody, apart from runs of earlier owners of its key.
   *
   * @throws {PipelineError} `OUTPUT_IN_USE`, or `FENCED` if a later owner of the key has come.
   */
  static async start(options: OutputRunOptions): Promise<OutputRun> {
    const { disk, state, job, mode, columns, keyId, epoch = FIRST_EPOCH } = options;
    const run = randomName();
    const runFolder = join(state, run);
    const staging = stagingName(epoch);
    const { register, ...met } = await RunRegister.enter(disk, state, {
      job,
      run,
      staging,
      mode,
      columns,
      keyId,
    });
    let created: Staging | undefined;
    try {
      await disk.makeOwnDirectory(runFolder);
      created = await Staging.create(disk, runFolder, staging, keyId);
      if (options.epoch !== undefined) await created.makeReachable();
      if (keyId !== undefined) await refuseMarked(disk, state, run, register);
      await fenceOvertaken(disk, state, met.overtaken, { run, epoch });
      return new OutputRun(options, { run, epoch, staging: created, fenced: [] }, register, met);
    } catch (error) {
      await created?.removeEmpty();
      await removeRunFolder(disk, runFolder, epoch);
      await register.end();
      throw error;
    }
  }

  /**
   * Takes over a run. Once this has returned, no earlier owner can publish any more.
   *
   * @param highest - Returns the highest epoch found in the position and the output.
   * @throws {PipelineError} `OUTPUT_IN_USE`, or `FENCED` if an even later owner came in between.
   */
  static async takeOver(
    options: OutputRunOptions,
    run: string,
    highest: () => Promise<number>,
  ): Promise<OutputRun> {
    const { disk, state, job, mode, columns, keyId } = options;
    const runFolder = join(state, run);
    const above = await highest();
    const epoch = await unlessGone(disk, runFolder, () => takeEpoch(disk, runFolder, above, options.epoch));
    const staging = stagingName(epoch);
    const { register, ...met } = await RunRegister.enter(disk, state, {
      job,
      run,
      staging,
      mode,
      columns,
      keyId,
    });
    let created: Staging | undefined;
    try {
      created = await Staging.create(disk, runFolder, staging, keyId);
      if (options.epoch !== undefined) await created.makeReachable();
      await refuseOvertaken(disk, runFolder, epoch);
      if (keyId !== undefined) await refuseMarked(disk, state, run, register);
      await fenceOvertaken(disk, state, met.overtaken, { run, epoch });
      const fenced = await unlessGone(disk, runFolder, () => fenceEarlier(disk, runFolder, epoch));
      const outputRun = new OutputRun(options, { run, epoch, staging: created, fenced }, register, met);
      // An epoch that finished in between has left no claim, but it has left published files.
      if ((await highest()) > epoch) {
        await outputRun.leave(false);
        throw fencedError(runFolder, runFolder);
      }
      return outputRun;
    } catch (error) {
      await created?.removeEmpty();
      await removeRunFolder(disk, runFolder, epoch);
      await register.end();
      throw error;
    }
  }

  /**
   * Called when something is missing, since a later owner of the run may have it.
   *
   * @throws {PipelineError} `FENCED`.
   */
  async refuseOvertaken(): Promise<void> {
    await refuseOvertaken(this.#options.disk, this.runFolder, this.epoch);
    await this.staging.refuseFenced(this.runFolder);
  }

  get runFolder(): string {
    return join(this.#options.state, this.run);
  }

  /**
   * Removes what dead runs and earlier owners of the key left behind, unless a store may resume it. Does not
   * throw.
   */
  async removeRemains(): Promise<void> {
    await this.#removeMet();
    const { disk, state, keyId } = this.#options;
    // What fails is left to the next run.
    if (keyId !== undefined) await removeRefused(disk, state, keyId, this).catch(() => undefined);
  }

  async #removeMet(): Promise<void> {
    const { disk, state } = this.#options;
    const { gone, overtaken } = this.#met;
    if (gone.length + overtaken.length === 0) return;
    const removed: number[] = [];
    // What fails, of one run that cannot be looked at, say, is left to the next run.
    const attempt = async (numbers: readonly number[], remove: () => Promise<void>) => {
      try {
        await remove();
        removed.push(...numbers);
      } catch {}
    };
    for (const { number, entry } of gone) await attempt([number], () => removeUnkept(disk, state, entry));
    const overtakenNumbers = overtaken.map(({ number }) => number);
    await attempt(overtakenNumbers, () => removeOvertaken(disk, state, overtaken, this.epoch));
    if (removed.length === 0) return;
    await attempt([], async () => {
      // Otherwise, a power cut could bring back files that no entry leads to any more.
      await disk.syncDirectory(state);
      for (const number of removed) await this.#register.forget(number);
    });
  }

  /**
   * Ends the run in this thread. Does not throw.
   *
   * @param isOver - Nobody will resume the run, so nothing of it stays beside the output.
   */
  async leave(isOver: boolean): Promise<void> {
    if (isOver) await this.staging.removeAll();
    else await this.staging.removeEmpty();
    await removeRunFolder(this.#options.disk, this.runFolder, this.epoch);
    await this.#register.end();
  }
}

const FIRST_EPOCH = 1;

/**
 * Removes what an owner of a run left behind, unless a store may resume the run.
 *
 * @param folder - Current name of the owner's folder.
 */
export async function removeUnkept(
  disk: Disk,
  state: string,
  { run, staging }: Pick<RunEntry, 'run' | 'staging'>,
  folder = join(state, run, staging),
): Promise<void> {
  if (await isKept(disk, folder)) return;
  await disk.removeFolderQuietly(folder);
  await removeRunFolder(disk, join(state, run), epochOf(staging));
}

/** Turns a missing run folder into `FENCED`, since only a later owner that has finished removes it. */
async function unlessGone<T>(disk: Disk, runFolder: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const isMissing = errnoCode(error) === 'ENOENT';
    if (isMissing && !(await disk.has(runFolder))) throw fencedError(runFolder, runFolder);
    throw error;
  }
}
