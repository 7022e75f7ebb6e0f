import { join } from 'node:path';
import type { Disk } from './disk.js';
import { refuseOvertaken, removeRunFolder, takeEpoch } from './epochs.js';
import { fenceEarlier } from './fence.js';
import { randomName } from './random-name.js';
import { type GoneRun, type RunMode, RunRegister } from './run-register.js';
import { isKept, Staging, stagingName } from './staging.js';

export interface RunPlaceOptions {
  readonly disk: Disk;
  readonly state: string;
  readonly job: string;
  readonly mode: RunMode;
}

/** A run at one output: its entry among the runs, its epoch, and the folder that it writes in. */
export class RunPlace {
  readonly run: string;
  readonly epoch: number;
  readonly staging: Staging;
  /** Folders of earlier epochs, as they are called since this one fenced them. */
  readonly fenced: readonly string[];
  /** Other runs that are at work. */
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
   * A new run, which fences nobody.
   * @throws {PipelineError} `OUTPUT_IN_USE`
   */
  static async start(options: RunPlaceOptions): Promise<RunPlace> {
    const { disk, state, job, mode } = options;
    const run = randomName();
    const staging = stagingName(FIRST_EPOCH);
    const entered = await RunRegister.enter(disk, state, { job, run, staging, mode });
    const { register, gone, others } = entered;
    try {
      const own = {
        run,
        epoch: FIRST_EPOCH,
        staging: await Staging.create(disk, join(state, run), staging),
        fenced: [],
        others,
      };
      return new RunPlace(options, own, register, gone);
    } catch (error) {
      await register.end();
      throw error;
    }
  }

  /**
   * Goes on with a run. Once this has returned, no earlier owner of it can publish any more.
   *
   * @param above - The epoch of the position that is gone on from.
   * @throws {PipelineError} `OUTPUT_IN_USE`, or `FENCED` when a still later owner has come in between.
   */
  static async takeOver(options: RunPlaceOptions, run: string, above: number): Promise<RunPlace> {
    const { disk, state, job, mode } = options;
    const runFolder = join(state, run);
    await disk.makeOwnDirectory(runFolder);
    const epoch = await takeEpoch(disk, runFolder, above);
    const staging = stagingName(epoch);
    const entered = await RunRegister.enter(disk, state, { job, run, staging, mode });
    const { register, gone, others } = entered;
    try {
      const created = await Staging.create(disk, runFolder, staging);
      await refuseOvertaken(disk, runFolder, epoch);
      const fenced = await fenceEarlier(disk, runFolder, epoch);
      return new RunPlace(options, { run, epoch, staging: created, fenced, others }, register, gone);
    } catch (error) {
      await register.end();
      throw error;
    }
  }

  get runFolder(): string {
    return join(this.#options.state, this.run);
  }

  /** Removes what runs left that died, unless a store may resume them. Does not throw. */
  async removeRemains(): Promise<void> {
    const { disk, state } = this.#options;
    for (const { number, entry } of this.#gone) {
      try {
        const runFolder = join(state, entry.run);
        const folder = join(runFolder, entry.staging);
        if (!(await isKept(disk, folder))) {
          await disk.removeFolderQuietly(folder);
          await removeRunFolder(disk, runFolder, Number.parseInt(entry.staging, 10));
        }
        await this.#register.forget(number);
      } catch {
        // The next run will do it.
      }
    }
  }

  /**
   * Ends the run in this thread. Does not throw.
   *
   * @param isOver - Nobody will go on with it: nothing is left of it beside the output.
   */
  async leave(isOver: boolean): Promise<void> {
    if (isOver) {
      await this.staging.removeAll();
      await removeRunFolder(this.#options.disk, this.runFolder, this.epoch);
    }
    await this.#register.end();
  }
}

const FIRST_EPOCH = 1;
