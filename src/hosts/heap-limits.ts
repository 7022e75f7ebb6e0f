import type { ResourceLimits } from 'node:worker_threads';

/**
 * Room for what is young in a thread's heap. Columns live outside the heap and are used again, so that little
 * is ever young. V8's default would let each thread keep some 4 MB more resident (bench `memory`), for no
 * more speed.
 */
const YOUNG_HEAP_MB = 2;

/** The limits of a thread's heap. V8 keeps to them as well as it can. */
export const heapLimits = (maxHeapMb: number): ResourceLimits => ({
  maxOldGenerationSizeMb: maxHeapMb,
  maxYoungGenerationSizeMb: YOUNG_HEAP_MB,
});
