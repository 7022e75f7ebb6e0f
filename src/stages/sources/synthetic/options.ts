import { z } from 'zod';
import { durationNs } from '../../../settings/duration.js';

const seed = 'expected a whole number from 0 to 9007199254740991';
const count = 'expected 1 to 65536 symbols';
const name = 'expected the name of a symbol, 1 to 64 characters';
const start = 'expected a time with its zone and at most milliseconds, such as 2024-01-02T09:30:00Z';
const price = 'expected a price from 0.000001 to 1000000000';
const tickSize = 'expected a tick size from 0.000000001 to 1000000';
const ticks = 'expected 0 to 1000 ticks';
const size = 'expected a whole size from 0 to 1000000000';
const rows = 'expected a whole number of rows, 1 or more';
const rate = 'expected "max" or rows per second, from 0.001 to 1000000000';
const levels = 'expected 1 to 1000 levels';

const every = z.int(rows).min(1, rows);

/** Faults in the stream, at rows counted from 1. */
export const SyntheticFaults = z
  .strictObject({
    gapEvery: every
      .optional()
      .describe('After every so many rows, `gapLength` rows are missing while event time goes on'),
    gapLength: every.max(1_000_000_000, rows).default(10).describe('Rows that a gap swallows'),
    gapAnnounced: z
      .boolean('expected true or false')
      .default(true)
      .describe('Whether a `gap` control record in the stream announces each gap'),
    duplicateEvery: every
      .optional()
      .describe('Once in so many rows, a row comes twice. The copies come on top of `rows`'),
    disorderEvery: every
      .min(2, 'expected 2 rows or more')
      .optional()
      .describe('Once in so many rows, a row is late by `disorderBy` rows'),
    disorderBy: every
      .max(1_000_000, rows)
      .default(1)
      .describe('Rows that pass a late one: 1 swaps neighbours. Less than `disorderEvery`'),
    silenceEvery: every.optional().describe('After every so many rows, nothing comes for `silenceFor`'),
    silenceFor: durationNs({ min: '1ns', max: '30d' })
      .prefault('1s')
      .describe('Length of a silence: in event time, and on the clock as well where `rate` is a number'),
    errorAtRow: every.optional().describe('Row, counted from 1, in whose place the source fails'),
    errorReads: every
      .optional()
      .describe(
        'Reads that fail there, with a retryable error, before the source goes on: an outage, to try ' +
          'a breaker. Without it, all of them',
      ),
  })
  .refine(({ errorAtRow, errorReads }) => errorReads === undefined || errorAtRow !== undefined, {
    path: ['errorReads'],
    message: 'expected "errorAtRow", too: the row at which reads fail',
  });

/** Options of the source `synthetic`: a random walk of prices, the same on every machine. */
export const SyntheticOptions = z.strictObject({
  seed: z
    .int(seed)
    .min(0, seed)
    .optional()
    .describe('The same seed gives the same ticks on every machine. Without it, the seed of the spec'),
  kind: z
    .enum(['quote', 'trade', 'book'], 'expected "quote", "trade" or "book"')
    .default('quote')
    .describe('What a row is: a quote, a trade, or the change of a level of an order book'),
  symbols: z
    .union(
      [
        z.int(count).min(1, count).max(65_536, count),
        z.array(z.string(name).min(1, name).max(64, name)).min(1, count).max(65_536, count),
      ],
      'expected a number of symbols (1 to 65536) or a list of their names',
    )
    .default(10)
    .describe('Names of the symbols, or how many: 100 gives `SYM000` to `SYM099`'),
  start: z.iso
    .datetime({ offset: true, error: start })
    .refine((text) => !/\.\d{4,}/.test(text), start)
    .transform((text) => Date.parse(text))
    .prefault('2024-01-02T00:00:00Z')
    .describe('Event time of the first row, with its zone'),
  interval: durationNs({ min: '1ns', max: '1d' })
    .prefault('1ms')
    .describe('Event time from one row to the next, over all symbols'),
  jitter: durationNs({ min: '0ns', max: '2s' })
    .prefault('0ns')
    .describe(
      'By how much an interval may be shorter or longer. At most `interval`, so that time never ' +
        'goes back',
    ),
  price: z
    .number(price)
    .min(0.000_001, price)
    .max(1_000_000_000, price)
    .default(100)
    .describe('Price at which every symbol starts'),
  tickSize: z
    .number(tickSize)
    .min(1e-9, tickSize)
    .max(1_000_000, tickSize)
    .default(0.01)
    .describe('Smallest step of a price: all prices are multiples of it'),
  volatility: z
    .int(ticks)
    .min(0, ticks)
    .max(1_000, ticks)
    .default(1)
    .describe('Ticks that a price moves at most from one row of its symbol to the next'),
  spread: z.int(ticks).min(0, ticks).max(1_000, ticks).default(2).describe('Ticks from bid to ask'),
  sizeMin: z.int(size).min(0, size).max(1_000_000_000, size).default(1).describe('Smallest size of a row'),
  sizeMax: z
    .int(size)
    .min(0, size)
    .max(1_000_000_000, size)
    .default(100)
    .describe('Largest size of a row, at most 65,535 above the smallest'),
  levels: z
    .int(levels)
    .min(1, levels)
    .max(1_000, levels)
    .default(5)
    .describe('Levels on each side of a book'),
  rows: z
    .int(rows)
    .min(1, rows)
    .optional()
    .describe('Rows after which the data ends. Without it, it does not end'),
  rate: z
    .union([z.literal('max'), z.number(rate).min(0.001, rate).max(1_000_000_000, rate)], rate)
    .default('max')
    .describe('Rows per second on the clock, or `max` for as fast as they are taken'),
  faults: SyntheticFaults.prefault({}).describe('Faults in the stream, for tests'),
});
export type SyntheticOptions = z.output<typeof SyntheticOptions>;
