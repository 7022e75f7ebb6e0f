import { type Context, createContext, Script } from 'node:vm';

/** A pattern took too long to be matched. */
export class MatchTimeError extends Error {
  override readonly name = 'MatchTimeError';

  constructor() {
    super(`matching took more than ${MATCH_MS_MAX} ms`);
  }
}

/** Milliseconds for all that is matched in one go. A sound pattern takes microseconds. */
export const MATCH_MS_MAX = 500;

const RUN = new Script('match()');
let context: Context | undefined;

/**
 * Time for patterns of users: a regular expression of ten characters can take years on a text of fifty. Which
 * ones do, no check of their text tells for certain, so the engine is interrupted instead.
 *
 * One is for what is compared in one go, such as the files of a job when it is submitted. It is not kept: what one
 * job has used up would be missing for all that come later.
 */
export class MatchTime {
  #leftMs = MATCH_MS_MAX;

  /**
   * Runs what matches a pattern, in this thread, and ends it when the time is over.
   *
   * @param match - Synchronous. It may be ended at any point, so it should change nothing.
   * @throws {MatchTimeError} if the time is over. Nothing is matched from then on.
   */
  within<T>(match: () => T): T {
    if (this.#leftMs < 1) throw new MatchTimeError();
    context ??= createContext(Object.create(null));
    context.match = match;
    const began = performance.now();
    try {
      // The function is one of this realm all the same: only its interruption comes from there.
      return RUN.runInContext(context, { timeout: Math.ceil(this.#leftMs) }) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new MatchTimeError();
    } finally {
      context.match = undefined;
      this.#leftMs -= performance.now() - began;
    }
  }
}
