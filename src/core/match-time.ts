import { type Context, createContext, Script } from 'node:vm';

/** A pattern took too long to be matched. */
export class MatchTimeError extends Error {
  override readonly name = 'MatchTimeError';

  constructor(ms: number) {
    super(`matching took more than ${ms} ms`);
  }
}

/** Milliseconds for a pattern of users. A sound one takes microseconds. */
export const MATCH_MS_MAX = 500;

const RUN = new Script('match()');
let context: Context | undefined;

/**
 * Attempts at a pattern that fails a job for good. The limit is one of the clock: on a busy machine, or in a process
 * that was stopped, a sound match may pass it once without having had a turn of the processor.
 */
export const MATCH_ATTEMPTS = 3;

/**
 * Runs what matches a pattern of users, in this thread, and ends it when its time is over: a regular expression of
 * ten characters can take years on a text of fifty. Which ones do, no check of their text tells for certain, so the
 * engine is interrupted instead.
 *
 * @param match - Synchronous. It may be ended at any point, and run again, so it should change nothing.
 * @param msMax - Whole milliseconds of each attempt, 1 or more.
 * @throws {MatchTimeError} if the time of each attempt is over.
 */
export function matchWithin<T>(match: () => T, msMax: number = MATCH_MS_MAX, attempts = 1): T {
  for (let left = attempts; ; left--) {
    try {
      return matchOnce(match, msMax);
    } catch (error) {
      if (!(error instanceof MatchTimeError) || left <= 1) throw error;
    }
  }
}

function matchOnce<T>(match: () => T, msMax: number): T {
  context ??= createContext(Object.create(null));
  context.match = match;
  try {
    // The function is one of this realm all the same: only its interruption comes from there.
    return RUN.runInContext(context, { timeout: msMax }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new MatchTimeError(msMax);
  } finally {
    context.match = undefined;
  }
}
