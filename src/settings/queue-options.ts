import { z } from 'zod';
import { nearestName } from '../core/nearest-name.js';
import { OVERFLOW_KINDS, OVERFLOW_POLICIES } from './overflow-policy.js';

const policies = 'expected block, conflate, drop-oldest, drop-newest or fail';
const overflow = `${policies}, or a mapping from kinds of rows to them, such as { quotes: conflate, trades: block }`;
const batches = 'expected 1 to 65536 batches';
const rows = 'expected 1 to 100000000 rows';
const bytes = 'expected 1024 to 68719476736 bytes';

/** Says which kinds of rows there are, and which one was most likely meant. */
function unknownKinds({
  code,
  keys,
}: {
  readonly code: string;
  readonly keys?: unknown;
}): string | undefined {
  if (code !== 'unrecognized_keys') return undefined;
  const kinds = Object.values(OVERFLOW_KINDS);
  const near = nearestName(String(Array.isArray(keys) ? keys[0] : ''), kinds);
  return `expected one of ${kinds.join(', ')}${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
}

const Policy = z.enum(OVERFLOW_POLICIES, policies);

/** Options of a queue between two stages: its bounds, and what it does when it is full. */
export const QueueOptions = z.strictObject({
  batches: z
    .int(batches)
    .min(1, batches)
    .max(65_536, batches)
    .default(1_024)
    .describe('Batches that may wait. One always may, whatever its size'),
  rows: z
    .int(rows)
    .min(1, rows)
    .max(100_000_000, rows)
    .default(262_144)
    .describe('Rows that may wait, in all of these batches'),
  bytes: z
    .int(bytes)
    .min(1_024, bytes)
    .max(68_719_476_736, bytes)
    .default(33_554_432)
    .describe('Bytes that the columns of these batches may take'),
  overflow: z
    .union(
      [
        Policy,
        z.strictObject(
          {
            quotes: Policy.optional().describe('For quotes. Default: `block`'),
            trades: Policy.optional().describe('For trades. Default: `block`'),
            bars: Policy.optional().describe('For bars. Default: `block`'),
            books: Policy.optional().describe('For changes of order books. Default: `block`'),
            custom: Policy.optional().describe('For rows with columns of your own. Default: `block`'),
          },
          { error: unknownKinds },
        ),
      ],
      overflow,
    )
    .default('block')
    .describe(
      'What a full queue does, for rows of any kind or by kind of row. `block`: whoever brings rows waits. `conflate`: ' +
        'only the last row of each symbol stays. `drop-oldest`, `drop-newest`: these rows are dropped, and a ' +
        '`gap` tells of them in the stream. `fail`: the job fails. Rows that are left out are counted',
    ),
});

/** A queue with its defaults filled in. */
export type QueueSettings = z.output<typeof QueueOptions>;
