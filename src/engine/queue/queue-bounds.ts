import { PipelineError } from '../../core/errors.js';

/** The bounds of a queue. It is full when it has reached one of them, so it exceeds them by at most a batch. */
export interface QueueLimits {
  readonly batches: number;
  readonly rows: number;
  /** Of the memory of the batches, with the rows that they have room for. */
  readonly bytes: number;
}

/**
 * @param what - What there are too many of.
 * @param waiting - What waits.
 */
export function queueFull(
  what: string,
  { rows, batches, bytes }: QueueLimits,
  { limits, title }: { readonly limits: QueueLimits; readonly title: string },
): PipelineError {
  return new PipelineError(
    'QUEUE_FULL',
    `${title}: the queue is full ${what}: ${counted(rows, 'row', 'rows')} in ${counted(batches, 'batch', 'batches')} wait (${bytes} ` +
      `bytes), and its bounds are ${limits.rows} rows, ${limits.batches} batches and ${limits.bytes} bytes: ` +
      'raise "queue", choose another "overflow", or make what follows faster',
    { retryable: true },
  );
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
