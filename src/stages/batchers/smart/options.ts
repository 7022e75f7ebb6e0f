import { z } from 'zod';

const rows = 'expected 1 to 1000000 rows';
const bytes = 'expected 64 to 1073741824 bytes';
const delay = 'expected 1 to 3600000 milliseconds';
const keys = 'expected 1 to 100000 keys';
const column = 'expected the name of a column';

/** Options of the batcher: what closes a batch on its way to the sink. */
export const BatcherOptions = z.strictObject({
  maxRows: z.int(rows).min(1, rows).max(1_000_000, rows).default(8_192).describe('Rows that close a batch'),
  maxBytes: z
    .int(bytes)
    .min(64, bytes)
    .max(1_073_741_824, bytes)
    .default(8_388_608)
    .describe('Bytes in columns that a batch never passes; strings count as the 4 bytes of their id'),
  maxDelayMs: z
    .int(delay)
    .min(1, delay)
    .max(3_600_000, delay)
    .default(250)
    .describe('Milliseconds after its first row at which a batch closes, full or not'),
  key: z
    .string(column)
    .min(1, column)
    .optional()
    .describe(
      'Column (string, enum, boolean or int32) whose values are kept apart: each batch then has ' +
        'rows of one value only',
    ),
  maxKeys: z
    .int(keys)
    .min(1, keys)
    .max(100_000, keys)
    .default(1_000)
    .describe('Values of `key` that may have an open batch at once; one more closes the oldest batch'),
});
export type BatcherOptions = z.output<typeof BatcherOptions>;
