import { MATCH_MS_MAX, MatchTimeError, matchWithin } from './match-time.js';

/** The globs that are compared in one go took too long. Which of them match is not known. */
export class ComparisonTimeError extends Error {
  override readonly name = 'ComparisonTimeError';

  constructor() {
    super(`globs took ${COMPARISON_MS_MAX} ms longer to match than sound ones do`);
  }
}

/** Milliseconds that the globs of one go may take beyond what sound ones do. */
export const COMPARISON_MS_MAX = MATCH_MS_MAX;
/** For one glob and one path. */
const ONE_MS_MAX = 250;
/** What a sound glob takes at most for one path, some interruptions of the thread included. */
const SOUND_MS = 1;

/**
 * Time for the globs that are compared in one go, such as those of a job with all others when it is submitted. Each
 * has its own, so that a slow one takes nothing from those after it. All of them together have one that grows with
 * their number: thousands of sound globs are compared to the end, and a few that were made to take long are not.
 */
export class ComparisonTime {
  readonly #nowMs: () => number;
  #leftMs = COMPARISON_MS_MAX;

  /** @param nowMs - Replaced in tests. */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Answers whether a glob matches. One that takes too long to tell counts as one that does.
   *
   * @throws {ComparisonTimeError} if all of them together have taken too long.
   */
  within(matches: () => boolean): boolean {
    if (this.#leftMs <= 0) throw new ComparisonTimeError();
    const began = this.#nowMs();
    try {
      return matchWithin(matches, ONE_MS_MAX);
    } catch (error) {
      if (!(error instanceof MatchTimeError)) throw error;
      return true;
    } finally {
      // One that was interrupted took no more, however long the process stood still meanwhile.
      const tookMs = Math.min(this.#nowMs() - began, ONE_MS_MAX);
      this.#leftMs = Math.min(COMPARISON_MS_MAX, this.#leftMs + SOUND_MS - tookMs);
    }
  }
}
