import { it } from 'vitest';
import { BreakerOpenError } from '../../../src/core/errors.js';

/** A row of the table of edges in docs/breaker.md: the first column is the title of the test. */
export function edge(title: string, test: () => void | Promise<void>): void {
  it(title, test);
}

export function openError(breaker: { permit(): unknown }): BreakerOpenError {
  try {
    breaker.permit();
  } catch (error) {
    if (error instanceof BreakerOpenError) return error;
  }
  throw new Error('expected a refusal, found a permit');
}
