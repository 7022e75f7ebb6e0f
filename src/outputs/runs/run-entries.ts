import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { type Liveness, livenessOf, type RunOwner, thisOwner } from './run-owner.js';
import { outputOf, RUNS } from './state-folder.js';

/**
 * What a run does to its output. Runs that append to a directory can work side by side, and those that only read a
 * database.
 */
export type RunMode = 'append' | 'error' | 'replace' | 'single file' | 'database' | 'database, reading';

/** The entry that a run writes when it begins. */
export interface RunEntry {
  readonly version: 1;
  readonly job: string;
  readonly run: string;
  /** Name of the folder for its incomplete files, inside the run's folder. */
  readonly staging: string;
  readonly mode: RunMode;
  /**
   * Columns of the rows that it adds, as text for people. Runs that append to the same directory must
   * have the same columns.
   */
  readonly columns?: string | undefined;
  /** See `StageContext`. */
  readonly keyId?: string | undefined;
  readonly owner: RunOwner;
}

/** Epoch of the owner that a staging folder belongs to. */
export const epochOf = (staging: string): number => Number.parseInt(staging, 10);

/** A run that has not reported its end. */
export type RegisteredRun = {
  readonly number: number;
  readonly path: string;
} & (
  | { readonly entry: RunEntry; readonly liveness: Liveness }
  /** The entry cannot be parsed; `problem` says why. */
  | { readonly entry?: undefined; readonly liveness: 'unknown'; readonly problem: string }
);

/** The names in the register's folder. */
export interface RegisterNames {
  readonly names: readonly string[];
  /** Runs up to this number are over. */
  readonly ended: number;
  /** The last number that has an entry. */
  readonly highest: number;
}

export const ENTRY = /^\d{5,}$/;
export const ENDED = /^ended-(\d{5,})$/;
const READS_MAX = 20;

export const entryPath = (folder: string, number: number): string => join(folder, digits(number, 5));

export async function lookAround(disk: Disk, folder: string): Promise<RegisterNames> {
  const names = await disk.list(folder);
  let ended = 0;
  let highest = 0;
  for (const name of names) {
    if (ENTRY.test(name)) highest = Math.max(highest, Number(name));
    else ended = Math.max(ended, Number(ENDED.exec(name)?.[1] ?? 0));
  }
  return { names, ended, highest };
}

/** All runs of an output that have not reported their end, in the order in which they began. */
export async function registeredRuns(disk: Disk, state: string): Promise<RegisteredRun[]> {
  const folder = join(state, RUNS);
  const here = thisOwner();
  const { ended, names } = await lookAround(disk, folder);
  const numbers = names.filter((name) => ENTRY.test(name)).map(Number);
  const runs: RegisteredRun[] = [];
  for (const number of numbers.filter((found) => found > ended).sort((a, b) => a - b)) {
    const path = entryPath(folder, number);
    try {
      const entry = await readEntry(disk, path, outputOf(state));
      if (entry) runs.push({ number, path, entry, liveness: await livenessOf(entry.owner, here, disk.fs) });
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      runs.push({ number, path, liveness: 'unknown', problem: error.message });
    }
  }
  return runs;
}

/**
 * Reads the entry of a run.
 *
 * @param output - Used in messages.
 * @returns `undefined` if the run has ended.
 * @throws {PipelineError} `OUTPUT_IN_USE` if the entry cannot be parsed.
 */
export async function readEntry(disk: Disk, path: string, output: string): Promise<RunEntry | undefined> {
  for (let reads = 1; ; reads++) {
    const text = await disk.read(path);
    if (!text) return undefined;
    const entry = parseEntry(text);
    if (entry) return entry;
    // The entry may be in the middle of being emptied.
    if (reads === READS_MAX) {
      throw new PipelineError(
        'OUTPUT_IN_USE',
        `"${path}" should say which run is at work, but cannot be understood; once no run is, free the output ` +
          `with: tickloom release "${output}"`,
      );
    }
  }
}

/** Marks a run as ended. Its number stays in use. */
export async function forgetRun(disk: Disk, path: string): Promise<void> {
  try {
    await disk.fs.truncate(path);
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw outputFailed('write', path, error);
  }
}

/** @returns `undefined` for text that was not written by one of our runs. */
export function parseEntry(text: string): RunEntry | undefined {
  let found: Partial<RunEntry> | null;
  try {
    found = JSON.parse(text) as Partial<RunEntry> | null;
  } catch {
    return undefined;
  }
  const isEntry =
    typeof found === 'object' &&
    found !== null &&
    found.version === 1 &&
    typeof found.owner?.host === 'string' &&
    Number.isSafeInteger(found.owner.pid) &&
    typeof found.job === 'string' &&
    // Both are names of folders that we may empty.
    new RegExp(`^${RANDOM_NAME}$`).test(String(found.run)) &&
    new RegExp(`^\\d{5,}-${RANDOM_NAME}$`).test(String(found.staging));
  return isEntry ? (found as RunEntry) : undefined;
}

/** Describes the run that an output belongs to, for messages. */
export const describeRun = ({ job, mode, owner }: RunEntry): string =>
  `job "${job}" (${mode}, process ${owner.pid} on "${owner.host}")`;
