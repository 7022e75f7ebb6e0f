import type { ResourceLimits } from 'node:worker_threads';

/**
 * Size of a thread's young generation. Columns live outside the heap and are reused, so few objects are
 * young. V8's default would keep about 4 MB more resident per thread (bench `memory`) and is no faster.
 */
const YOUNG_HEAP_MB = 2;

/** The heap limits of a thread. V8 enforces them only approximately. */
export const heapLimits = (maxHeapMb: number): ResourceLimits => ({
  maxOldGenerationSizeMb: maxHeapMb,
  maxYoungGenerationSizeMb: YOUNG_HEAP_MB,
});
