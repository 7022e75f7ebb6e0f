import { join } from 'node:path';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { randomName } from '../disk/random-name.js';
import { fenced as fencedError, isKept, Staging, stagingName } from '../staging/staging.js';
import { refuseOvertaken, removeRunFolder, takeEpoch } from './epochs.js';
import { fenceEarlier } from './fence.js';
import type { RunEntry, RunMode } from './run-entries.js';
import { type GoneRun, RunRegister } from './run-register.js';

export interface RunPlaceOptions {
  readonly disk: Disk;
  readonly state: string;
  readonly job: string;
  readonly mode: RunMode;
  /** See `RunEntry`. */
  readonly columns?: string | undefined;
  /** Epoch from a checkpoint store, if there is one. */
  readonly epoch: number | undefined;
}

/** A run at one output: its entry in the register, its epoch, and the folder that it writes in. */
export class RunPlace {
  readonly run: string;
  readonly epoch: number;
  readonly staging: Staging;
  /** Folders of earlier epochs, by their names since this epoch fenced them. */
  readonly fenced: readonly string[];
  /** Number of other runs at work. */
  readonly others: number;
  readonly #options: RunPlaceOptions;
  readonly #register: RunRegister;
  readonly #gone: readonly GoneRun[];

  private constructor(
    options: RunPlaceOptions,
    own: Pick<RunPlace, 'run' | 'epoch' | 'staging' | 'fenced' | 'others'>,
    register: RunRegister,
    gone: readonly GoneRun[],
  ) {
    this.run = own.run;
    this.epoch = own.epoch;
    this.staging = own.staging;
    this.fenced = own.fenced;
    this.others = own.others;
    this.#options = options;
    this.#register = register;
    this.#gone = gone;
  }

  /**
   * Starts a new run, which fences nobody.
   *
   * @throws {PipelineError} `OUTPUT_IN_USE`
   */
  static async start(options: RunPlaceOptions): Promise<RunPlace> {
    const { disk, state, job, mode, columns, epoch = FIRST_EPOCH } = options;
    const run = randomName();
    const staging = stagingName(epoch);
    const entered = await RunRegister.enter(disk, state, { job, run, staging, mode, columns });
    const { register, gone, others } = entered;
    let created: Staging | undefined;
    try {
      await disk.makeOwnDirectory(join(state, run));
      created = await Staging.create(disk, join(state, run), staging);
      if (options.epoch !== undefined) await created.makeReachable();
      return new RunPlace(options, { run, epoch, staging: created, fenced: [], others }, register, gone);
    } catch (error) {
      await created?.removeEmpty();
      await removeRunFolder(disk, join(state, run), epoch);
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
    options: RunPlaceOptions,
    run: string,
    highest: () => Promise<number>,
  ): Promise<RunPlace> {
    const { disk, state, job, mode, columns } = options;
    const runFolder = join(state, run);
    const above = await highest();
    const epoch = await unlessGone(disk, runFolder, () => takeEpoch(disk, runFolder, above, options.epoch));
    const staging = stagingName(epoch);
    const entered = await RunRegister.enter(disk, state, { job, run, staging, mode, columns });
    const { register, gone, others } = entered;
    let created: Staging | undefined;
    try {
      created = await Staging.create(disk, runFolder, staging);
      if (options.epoch !== undefined) await created.makeReachable();
      await refuseOvertaken(disk, runFolder, epoch);
      const fenced = await unlessGone(disk, runFolder, () => fenceEarlier(disk, runFolder, epoch));
      const place = new RunPlace(options, { run, epoch, staging: created, fenced, others }, register, gone);
      // An epoch that finished in between has left no claim, but it has left published files.
      if ((await highest()) > epoch) {
        await place.leave(false);
        throw fencedError(runFolder, runFolder);
      }
      return place;
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

  /** Removes what dead runs left behind, unless a store may resume them. Does not throw. */
  async removeRemains(): Promise<void> {
    const { disk, state } = this.#options;
    for (const { number, entry } of this.#gone) {
      try {
        await removeUnkept(disk, state, entry);
        await this.#register.forget(number);
      } catch {
        // The next run will do it.
      }
    }
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

/** Epoch of the owner that a staging folder belongs to. */
export const epochOf = (staging: string): number => Number.parseInt(staging, 10);

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
