import { type ErrorCode, PipelineError, RuntimeError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';

/** Has what a stage throws unexpectedly say which stage it was. */
export async function blame<T>(code: ErrorCode, who: string, act: () => Promise<T> | T): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    throw blamed(code, who, thrown);
  }
}

/** An error that says who threw it. One of ours says enough already, and a broken invariant is no stage's. */
export function blamed(code: ErrorCode, who: string, thrown: unknown): unknown {
  if (thrown instanceof RuntimeError || thrown instanceof InvariantError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PipelineError(code, `${who} failed: ${message}`, {
    cause: thrown,
    retryable: code !== 'OPERATOR_FAILED',
  });
}
