/** Threads that a table of budgets has room for at the most. */
export const RATE_THREADS_MAX = 4_096;
/** Beside those of pipelines: the main thread, and threads of which the exit is not yet heard of. */
const THREADS_SPARE = 16;

/** `threadsMax` of a table that so many pipelines spend from at one time. */
export const threadsMaxFor = (pipelines: number): number =>
  Math.min(RATE_THREADS_MAX, pipelines + THREADS_SPARE);
