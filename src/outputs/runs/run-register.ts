import { dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME, randomName } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { fenced } from '../staging/staging.js';
import {
  describeRun,
  ENDED,
  ENTRY,
  entryPath,
  epochOf,
  forgetRun,
  lookAround,
  parseEntry,
  type RunEntry,
  readEntry,
} from './run-entries.js';
import { type Liveness, livenessOf, type RunOwner, thisOwner, WHY_UNSEEN } from './run-owner.js';
import { outputOf, RUNS } from './state-folder.js';

/** A run that did not report its end, and that this run has nothing to fear from. */
export interface EarlierRun {
  readonly number: number;
  readonly entry: RunEntry;
}

/** What a run meets when it enters. */
export interface MetRuns {
  /** Runs whose threads are certainly over. */
  readonly gone: readonly EarlierRun[];
  /**
   * Other runs under the same key of a checkpoint store, by earlier owners of it. Their threads may still
   * run, but the store accepts nothing from them any more, and has no checkpoint from which one could be
   * resumed.
   */
  readonly overtaken: readonly EarlierRun[];
  /** Number of other runs at work. */
  readonly others: number;
}

/** How many numbers other runs may take first; more cannot be a race. */
const RACES_MAX = 10_000;
const ENTERING = new RegExp(`^entering-${RANDOM_NAME}$`);

/**
 * The runs of one output, in the order in which they began. Each run takes the next number by linking a
 * complete entry to it, and then reads all lower entries. So of any two runs, at least one sees the
 * other.
 *
 * Numbers are never reused. An empty entry belongs to a run that has ended. All entries up to the highest
 * `ended-<number>` are over, and may be removed.
 */
export class RunRegister {
  readonly number: number;
  readonly #disk: Disk;
  readonly #folder: string;

  private constructor(disk: Disk, folder: string, number: number) {
    this.#disk = disk;
    this.#folder = folder;
    this.number = number;
  }

  /**
   * Registers a run of the calling thread.
   *
   * @returns The register, and the runs that have not reported their end. The staging of dead ones belongs
   *   to nobody, except that a store may resume it.
   * @throws {PipelineError} `OUTPUT_IN_USE` if another run is at work with which this one cannot share
   *   the output. Runs with the same id do not count: between those, the epoch decides.
   * @throws {PipelineError} `FENCED` if a later owner of the key is at work there.
   */
  static async enter(
    disk: Disk,
    state: string,
    run: Omit<RunEntry, 'version' | 'owner'>,
    owner: RunOwner = thisOwner(),
  ): Promise<MetRuns & { readonly register: RunRegister }> {
    const folder = join(state, RUNS);
    const entry: RunEntry = { version: 1, ...run, owner };
    const register = new RunRegister(disk, folder, await takeNumber(disk, folder, JSON.stringify(entry)));
    try {
      return { register, ...(await register.#meet(entry)) };
    } catch (error) {
      await register.end();
      throw error;
    }
  }

  /** Ends the run. Does not throw: an entry that stays counts until its thread has ended. */
  async end(): Promise<void> {
    try {
      await this.forget(this.number);
      await this.#removeEnded();
    } catch {
      // The next run will do it.
    }
  }

  /** @throws {PipelineError} `FENCED` if another run has marked this one as ended. */
  async refuseForgotten(): Promise<void> {
    const path = this.#pathOf(this.number);
    if (!(await this.#disk.read(path))) throw fenced(outputOf(dirname(this.#folder)), path);
  }

  /** Marks a run as ended. Its number stays in use. */
  forget(number: number): Promise<void> {
    return forgetRun(this.#disk, this.#pathOf(number));
  }

  async #meet(ours: RunEntry): Promise<MetRuns> {
    const gone: EarlierRun[] = [];
    const overtaken: EarlierRun[] = [];
    let others = 0;
    const output = outputOf(dirname(this.#folder));
    const { ended } = await lookAround(this.#disk, this.#folder);
    for (let number = ended + 1; number < this.number; number++) {
      const entry = await readEntry(this.#disk, this.#pathOf(number), output);
      if (!entry) continue;
      const epochsAhead = entry.run === ours.run ? 0 : epochsAheadInKey(entry, ours);
      if (epochsAhead > 0) throw fenced(output, this.#pathOf(number));
      if (epochsAhead < 0) {
        overtaken.push({ number, entry });
        continue;
      }
      const liveness = await livenessOf(entry.owner, ours.owner, this.#disk.fs);
      if (liveness === 'gone') {
        gone.push({ number, entry });
        continue;
      }
      if (entry.run === ours.run) continue;
      others++;
      if (ours.mode === 'append' && entry.mode === 'append') {
        // If two runs begin at the same time, the directory does not show their columns yet.
        if (ours.columns === entry.columns) continue;
        throw otherColumns(output, ours, entry);
      }
      if (ours.mode === 'database, reading' && entry.mode === ours.mode) continue;
      // The number was reused by a run that will notice this itself.
      if ((await lookAround(this.#disk, this.#folder)).ended >= number) continue;
      throw inUse(this.#pathOf(number), entry, liveness, output);
    }
    return { gone, overtaken, others };
  }

  /**
   * Raises the number up to which all runs are over, then removes their entries. Called when a run has
   * ended.
   */
  async #removeEnded(): Promise<void> {
    const { ended, highest, names } = await lookAround(this.#disk, this.#folder);
    let last = ended;
    while (last < highest && !(await this.#disk.read(this.#pathOf(last + 1)))) last++;
    if (last > ended) {
      try {
        await this.#disk.writeNew(join(this.#folder, `ended-${digits(last, 5)}`), '');
      } catch (error) {
        if (errnoCode(error) !== 'EEXIST') throw error;
      }
      await this.#disk.syncDirectory(this.#folder);
    }
    // Keeps one marker more than needed: a run that lists the folder right now must find one.
    const markers = names.filter((name) => ENDED.test(name)).sort(byNumber);
    const needless = last > ended ? markers.slice(0, -1) : markers.slice(0, -2);
    const over = names.filter((name) => ENTRY.test(name) && Number(name) <= last);
    for (const name of [...over, ...needless]) await this.#disk.removeQuietly(join(this.#folder, name));
    await this.#removeUnfinished(names);
  }

  /**
   * Removes entries of runs that died before they had a number. One that cannot be read was not written to its end: if
   * its run is alive after all, it writes another one.
   */
  async #removeUnfinished(names: readonly string[]): Promise<void> {
    for (const name of names.filter((found) => ENTERING.test(found))) {
      const path = join(this.#folder, name);
      const entry = parseEntry((await this.#disk.read(path)) ?? '');
      const liveness = entry ? await livenessOf(entry.owner, thisOwner(), this.#disk.fs) : 'gone';
      if (liveness === 'gone') await this.#disk.removeQuietly(path);
    }
  }

  #pathOf(number: number): string {
    return entryPath(this.#folder, number);
  }
}

async function takeNumber(disk: Disk, folder: string, text: string): Promise<number> {
  const entering = join(folder, `entering-${randomName()}`);
  await disk.writeNew(entering, text);
  try {
    let number = 0;
    for (let races = 0; ; races++) {
      const { ended, highest } = await lookAround(disk, folder);
      number = Math.max(number, ended, highest) + 1;
      const path = entryPath(folder, number);
      try {
        await disk.link(entering, path);
      } catch (error) {
        const code = errnoCode(error);
        const isRace = code === 'EEXIST' || code === 'ENOENT';
        if (!isRace || races > RACES_MAX) throw outputFailed('create', path, error);
        // Another run has met it half written.
        if (code === 'ENOENT') await disk.writeNew(entering, text);
        continue;
      }
      if ((await lookAround(disk, folder)).ended < number) break;
      await disk.remove(path); // the number was used before, and its entry was removed
    }
    await disk.syncDirectory(folder);
    return number;
  } finally {
    await disk.removeQuietly(entering);
  }
}

/** Between runs under one key of a checkpoint store; 0 between others. */
function epochsAheadInKey(a: RunEntry, b: RunEntry): number {
  const isOneKey = a.keyId !== undefined && a.keyId === b.keyId;
  return isOneKey ? epochOf(a.staging) - epochOf(b.staging) : 0;
}

const COLUMNS_SHOWN_MAX = 500;

function otherColumns(output: string, ours: RunEntry, theirs: RunEntry): PipelineError {
  const shown = ({ columns = 'others' }: RunEntry) => columns.slice(0, COLUMNS_SHOWN_MAX);
  return new PipelineError(
    'OUTPUT_EXISTS',
    `${describeRun(theirs)} adds parts with other columns to "${output}": expected ${shown(ours)}, ` +
      `found ${shown(theirs)}; choose another path`,
  );
}

const ONE_WRITER = 'A database has one writer at a time, or several readers';
const APPENDERS = 'Only runs with "ifExists: append" into one directory may be at work at the same time';

function inUse(
  path: string,
  entry: RunEntry,
  liveness: Exclude<Liveness, 'gone'>,
  output: string,
): PipelineError {
  const who = `a run of ${describeRun(entry)}`;
  const isRead = entry.mode === 'database, reading';
  const isDatabase = isRead || entry.mode === 'database';
  const used = isRead ? 'read' : 'written';
  return new PipelineError(
    'OUTPUT_IN_USE',
    liveness === 'live'
      ? `"${output}" is being ${used} by ${who}; wait for its end, or give each job a path of its own. ` +
          (isDatabase ? ONE_WRITER : APPENDERS)
      : `"${output}" may still be ${used} by ${who}, which did not say that it has ended and ${WHY_UNSEEN[liveness]}: ` +
          `make sure that it is over, then free the output with: tickloom release "${output}" ` +
          `(its entry is "${path}")`,
  );
}

const byNumber = (a: string, b: string) => Number(a.slice(6)) - Number(b.slice(6));
