import type { Schema } from '../columns/schema.js';
import type { OverflowPolicy } from '../settings/overflow-policy.js';

/**
 * What happens to rows that a consumer takes too slowly, if it does not say: a quote is worth nothing once
 * there is a later one; what is dropped of all others is told as a gap.
 */
export const defaultOverflow = (schema: Schema): OverflowPolicy =>
  schema.kind === 'quote' && problemOfOverflow('conflate', schema) === undefined ? 'conflate' : 'drop-oldest';

/** Says why rows cannot be treated that way; `undefined` if they can. */
export function problemOfOverflow(
  overflow: OverflowPolicy | undefined,
  { kind, columns }: Schema,
): string | undefined {
  if (overflow !== 'conflate') return undefined;
  if (kind === 'book') {
    return 'expected another policy than conflate for books, since a change does not replace an earlier one';
  }
  if (columns.some(({ name, type }) => name === 'symbol' && type === 'string')) return undefined;
  return 'expected another policy than conflate for rows without a column "symbol" of strings';
}
