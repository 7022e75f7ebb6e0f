import { z } from 'zod';
import { calendarOption } from '../../../settings/calendar-option.js';
import { durationNs } from '../../../settings/duration.js';

const column = 'expected the name of a column';
const every =
  'expected a duration of 10us to 30d, such as "250ms", "1s", "5m", "1h" or "1d" (a number with its unit, as text), or "session"';
const hours = 'expected "regular" or "extended"';
const unknown = 'expected "stop" or "drop"';
const fillMax = 'expected 0 to 10000000 bars';

/** Options of the operator `bars`: bars by event time, per symbol. */
export const BarsOptions = z.strictObject({
  every: z
    .union([z.literal('session'), durationNs({ min: '10us', max: '30d' })], every)
    .describe(
      'Length of a bar. Bars begin at whole multiples of it since 1970-01-01 UTC; with `calendar`, when the hours of ' +
        'a session begin, and the last one ends with these. `session`: one bar for each session of the calendar',
    ),
  calendar: calendarOption()
    .optional()
    .describe(
      'Name of a calendar, or the path of its file: bars are made of the rows of its sessions alone, and rows outside ' +
        'of them count as filtered',
    ),
  hours: z
    .enum(['regular', 'extended'], hours)
    .optional()
    .describe(
      'With `calendar`, the hours of a session: `regular`, or `extended` with those before and after them. Default: `regular`',
    ),
  unknown: z
    .enum(['stop', 'drop'], unknown)
    .optional()
    .describe(
      'With `calendar`, what happens to a row at a time of which it does not know whether the market is open: `stop` ' +
        'ends the job and names the time, `drop` counts it. Default: `stop`',
    ),
  price: z
    .string(column)
    .min(1, column)
    .optional()
    .describe(
      'Column of prices. Without it, `price` where there is one, else `mid`; bars of bars are made ' +
        'of their open, high, low and close',
    ),
  size: z
    .string(column)
    .min(1, column)
    .optional()
    .describe(
      'Column of sizes. Without it, `size` where there is one, and for bars of bars their volumes. ' +
        'Without sizes, volume and vwap are null',
    ),
  lateness: durationNs({ min: '0s', max: '100d' })
    .prefault('0s')
    .describe(
      'How much longer a bar waits for rows once the watermark has passed its end. Windows that ' +
        'wait are held in memory, within `maxMemoryMb` of the spec',
    ),
  late: z
    .enum(['stop', 'drop', 'keep'], 'expected "stop", "drop" or "keep"')
    .optional()
    .describe(
      'What happens to a row whose bar was already emitted: `stop` ends the job and names the row, ' +
        '`drop` counts it and warns, `keep` takes it to the dead letters. Without it, `stop` where ' +
        'the data ends by itself, `drop` for a live source',
    ),
  lateColumn: z
    .string(column)
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, column)
    .optional()
    .describe(
      'Name of an int32 column that counts the rows of the symbol that came late since its last ' +
        'bar; with `late: keep`',
    ),
  emptyBars: z
    .enum(['skip', 'emit'], 'expected "skip" or "emit"')
    .default('skip')
    .describe('Whether a symbol that was seen before gets a bar, marked `empty`, for a window without rows'),
  fillMax: z
    .int(fillMax)
    .min(0, fillMax)
    .max(10_000_000, fillMax)
    .default(10_000)
    .describe(
      'Bars without rows (`gap` or `empty`) that a symbol gets one after the other at most; the ' +
        'rest is only counted, in the statistics',
    ),
});
export type BarsOptions = z.output<typeof BarsOptions>;
