import { InvariantError } from '../core/invariant.js';
import type { ColumnData } from './schema.js';

export function failReleased(): never {
  throw new InvariantError(
    'Broken invariant: a batch is not used after its release (copy what is to be kept)',
  );
}

/**
 * Replaces the columns in the list that a released batch had: reading or writing it throws. This way,
 * code that kept the list fails without a check on every access.
 */
export const RELEASED_COLUMN: ColumnData = new Proxy(new Uint8Array(0), {
  get: failReleased,
  set: failReleased,
});
