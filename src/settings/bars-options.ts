import { z } from 'zod';
import { durationNs } from './duration.js';

const column = 'expected the name of a column';
const fillMax = 'expected 0 to 10000000 bars';

/** Options of the operator `bars`: bars by event time, per symbol. */
export const BarsOptions = z.strictObject({
  /** Length of a bar in ns. Bars begin at whole multiples of it since 1970 UTC. */
  every: durationNs({ min: '10us', max: '30d' }).describe(
    'Length of a bar, such as `1s`, `1m` or `1d`. Bars begin at whole multiples of it since 1970-01-01 UTC.',
  ),
  /** Column of prices. Default: `price`, else `mid`. */
  price: z
    .string(column)
    .min(1, column)
    .optional()
    .describe('Column of prices. Default: `price` if there is one, else `mid`.'),
  /** Column of sizes. Default: `size`, where there is one. Without it, volume and vwap are null. */
  size: z
    .string(column)
    .min(1, column)
    .optional()
    .describe('Column of sizes. Default: `size` if there is one. Without it, volume and vwap are null.'),
  /** How far in ns a row may be behind the latest one and still count. */
  lateness: durationNs({ min: '0s', max: '30d' })
    .prefault('0s')
    .describe(
      'How far a row may be behind the latest row in event time and still count. A bar is emitted once ' +
        'event time has passed its end by this much.',
    ),
  /** What becomes of rows that come after their bar was emitted. */
  late: z
    .enum(['drop', 'deadLetter'], 'expected "drop" or "deadLetter"')
    .default('drop')
    .describe(
      'What becomes of a row that comes after its bar was emitted: `drop` counts it as dropped, `deadLetter` ' +
        'treats it as a row that cannot be used.',
    ),
  /** Whether a symbol seen before gets a bar for a window without rows. */
  emptyBars: z
    .enum(['skip', 'emit'], 'expected "skip" or "emit"')
    .default('skip')
    .describe('Whether a symbol that was seen before gets a bar, marked `empty`, for a window without rows.'),
  /** Bars without rows that a symbol gets in a row at most, in gaps and quiet times. */
  fillMax: z
    .int(fillMax)
    .min(0, fillMax)
    .max(10_000_000, fillMax)
    .default(10_000)
    .describe(
      'Bars without rows (`gap` or `empty`) that a symbol gets one after the other at most. What is beyond ' +
        'is left out, and counted in the statistics.',
    ),
});
export type BarsOptions = z.output<typeof BarsOptions>;
