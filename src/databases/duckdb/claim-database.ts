import { dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../../outputs/disk/disk.js';
import { randomName } from '../../outputs/disk/random-name.js';
import { describeRun, registeredRuns } from '../../outputs/runs/run-entries.js';
import { RunRegister } from '../../outputs/runs/run-register.js';
import { openStateFolder, RUNS, stateFolderOf } from '../../outputs/runs/state-folder.js';
import { stagingName } from '../../outputs/staging/staging.js';

/** The right to write to a database, or to read it. */
export interface DatabaseClaim {
  /** Does not throw. */
  release(): Promise<void>;
}

const FIRST_EPOCH = 1;

/**
 * Claims a database for the calling thread, with an entry in the folder beside it. DuckDB keeps other processes
 * out by itself, but not other threads of its own process: two writers lose rows there without an error, and the
 * lock of a writer is gone as soon as a reader closes the file.
 *
 * @param real - Path of the file, without links.
 * @throws {PipelineError} `OUTPUT_IN_USE` while the thread of an earlier writer lives or, for a writer, that of an
 *   earlier reader. No epoch fences them: they have the file open.
 */
export async function claimDatabase(
  disk: Disk,
  real: string,
  job: string,
  mode: 'database' | 'database, reading',
): Promise<DatabaseClaim> {
  const state = await openStateFolder(disk, real, dirname(real));
  const { register, gone } = await RunRegister.enter(disk, state, {
    job,
    run: randomName(),
    staging: stagingName(FIRST_EPOCH),
    mode,
  });
  // DuckDB has what dead writers committed in its log, so nothing else is left of them.
  for (const { number } of gone) await register.forget(number).catch(() => undefined);
  return { release: () => register.end() };
}

/**
 * Claims a database to read it, as several may. Where nothing can be written beside the file, nobody here can write
 * to the file either, so it is enough to look whether somebody does elsewhere.
 *
 * @returns `undefined` where nothing can be written.
 * @throws {PipelineError} `OUTPUT_IN_USE` if somebody may be writing to it.
 */
export async function claimForReading(
  disk: Disk,
  real: string,
  job: string,
): Promise<DatabaseClaim | undefined> {
  try {
    return await claimDatabase(disk, real, job, 'database, reading');
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'OUTPUT_FAILED') throw error;
    const code = errnoCode(error.cause);
    if (code !== undefined && !UNWRITABLE.includes(code)) throw error;
  }
  await refuseWritten(disk, real);
  return undefined;
}

const UNWRITABLE = ['EACCES', 'EPERM', 'EROFS'];

async function refuseWritten(disk: Disk, real: string): Promise<void> {
  const state = stateFolderOf(real);
  if (!(await disk.has(join(state, RUNS)))) return;
  for (const { entry, liveness, path } of await registeredRuns(disk, state)) {
    if (liveness === 'gone' || entry?.mode === 'database, reading') continue;
    const who = entry ? describeRun(entry) : `a run with the entry "${path}"`;
    throw new PipelineError(
      'OUTPUT_IN_USE',
      `"${real}" cannot be read: it ${liveness === 'live' ? 'is' : 'may still be'} written by ${who}. Wait for its ` +
        `end${liveness === 'live' ? '' : `; if it is over, free the database with: tickloom release "${real}"`}`,
    );
  }
}
