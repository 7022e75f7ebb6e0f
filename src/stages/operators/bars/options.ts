import { z } from 'zod';
import { durationNs } from '../../../settings/duration.js';

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
    .describe(
      'Column of prices. Default: `price` if there is one, else `mid`; without it, bars of bars are made of ' +
        'their open, high, low and close.',
    ),
  /** Column of sizes. Default: `size`, where there is one. Without it, volume and vwap are null. */
  size: z
    .string(column)
    .min(1, column)
    .optional()
    .describe('Column of sizes. Default: `size` if there is one. Without it, volume and vwap are null.'),
  /** How much longer in ns a bar waits for rows once the watermark has passed its end. */
  lateness: durationNs({ min: '0s', max: '100d' })
    .prefault('0s')
    .describe(
      'How much longer a bar waits for rows once the watermark has passed its end. Windows that wait are held ' +
        'in memory, within `maxMemoryMb` of the spec.',
    ),
  /** What becomes of rows that come after their bar was emitted. */
  late: z
    .enum(['stop', 'drop', 'keep'], 'expected "stop", "drop" or "keep"')
    .optional()
    .describe(
      'What becomes of a row that comes after its bar was emitted: `stop` ends the job and names it, `drop` ' +
        'counts it and warns, `keep` takes it to the dead letters, or counts it in `lateColumn`. Default: `stop` ' +
        'where the data ends by itself, `drop` for a live source.',
    ),
  /** Name of a column that counts the rows of the symbol that came late since its last bar. */
  lateColumn: z
    .string(column)
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, column)
    .optional()
    .describe(
      'Name of an int32 column that counts the rows of the symbol that came late since its last bar.',
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
