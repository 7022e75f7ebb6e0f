/** Most threads that a table of budgets can have room for. */
export const RATE_THREADS_MAX = 4_096;
/** Threads besides those of pipelines: the main thread, and threads whose exit has not been noticed yet. */
const THREADS_SPARE = 16;

/** `threadsMax` for a table that this many pipelines spend from at the same time. */
export const threadsMaxFor = (pipelines: number): number =>
  Math.min(RATE_THREADS_MAX, pipelines + THREADS_SPARE);
