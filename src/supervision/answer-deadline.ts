import type { Clock } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';

/** A thread looks at its messages between two batches. */
export const ANSWER_MS_MAX = 10_000;

/**
 * Waits for the answer of a thread, which may be busy for good.
 *
 * @param asked - What it was asked to do: `resume`.
 * @throws {PipelineError} `THREAD_BUSY` once it has taken `ANSWER_MS_MAX`.
 */
export async function answered<T>(
  answer: Promise<T>,
  { job, asked, clock }: { readonly job: string; readonly asked: string; readonly clock: Clock },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      const message =
        `Job "${job}": expected an answer to "${asked}" within ${ANSWER_MS_MAX} ms, found none: its thread is busy, ` +
        'and will do it once it looks at its messages. If its heartbeat stands still, stop the job';
      reject(new PipelineError('THREAD_BUSY', message, { retryable: true }));
    }, ANSWER_MS_MAX);
    answer.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}
