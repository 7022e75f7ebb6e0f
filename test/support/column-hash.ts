import { createHash } from 'node:crypto';
import type { Batch } from '../../src/columns/batch.js';

/** A hash of all bytes of the columns, those past the length included. */
export function hashOf(columns: Batch['columns']): string {
  const hash = createHash('sha1');
  for (const { buffer, byteOffset, byteLength } of columns) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
