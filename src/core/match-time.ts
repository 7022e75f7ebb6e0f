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
 * Runs what matches a pattern of users, in this thread, and ends it when its time is over: a regular expression of
 * ten characters can take years on a text of fifty. Which ones do, no check of their text tells for certain, so the
 * engine is interrupted instead.
 *
 * @param match - Synchronous. It may be ended at any point, so it should change nothing.
 * @param msMax - Whole milliseconds, 1 or more.
 * @throws {MatchTimeError} if the time is over.
 */
export function matchWithin<T>(match: () => T, msMax: number = MATCH_MS_MAX): T {
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
