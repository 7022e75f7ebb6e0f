import { z } from 'zod';
import { durationNs } from '../../../settings/duration.js';
import { inputLine } from '../../../settings/input-options.js';

const SOURCES_MAX = 64;
const sources = `expected a list of 1 to ${SOURCES_MAX} sources`;
const rows = 'expected 1 to 100000000 rows';

/** Options of the source `merge`. */
export const MergeOptions = z.strictObject({
  sources: z
    .array(inputLine(), sources)
    .min(1, sources)
    .max(SOURCES_MAX, `${sources}; more can be divided among several merges, which are sources, too`)
    .describe(
      'The sources: each `use` and its options, with `operators` behind it if its rows need any. All must ' +
        'have the same columns in the end, `time` among them',
    ),
  idle: durationNs({ min: '0s', max: '1d' })
    .prefault('10s')
    .describe(
      'How long a live source is waited for whose time stands still, since it has had no row yet: none at all, or ' +
        'none after a restart. Then the others go on, and its rows are passed on as they come',
    ),
  rowsMax: z
    .int(rows)
    .min(1, rows)
    .max(100_000_000, rows)
    .default(1_000_000)
    .describe(
      'Rows that may wait for another source, in all; one batch of each may in any case. Above it, the job fails ' +
        'and names the source that lags',
    ),
});
export type MergeOptions = z.output<typeof MergeOptions>;
