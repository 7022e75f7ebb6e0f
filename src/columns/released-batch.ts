import { InvariantError } from '../core/invariant.js';
import type { ColumnData } from './schema.js';

export function failReleased(): never {
  throw new InvariantError(
    'Broken invariant: a batch is not used after its release (copy what is to be kept)',
  );
}

/**
 * Stands where the columns of a released batch were, for those who kept the list of them: to read or
 * write it fails. So that no row that is read through such a list needs a check.
 */
export const RELEASED_COLUMN: ColumnData = new Proxy(new Uint8Array(0), {
  get: failReleased,
  set: failReleased,
});
