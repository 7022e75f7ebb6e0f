import { z } from 'zod';
import { PATH_CHARS_MAX } from '../../../core/glob.js';
import { durationNs } from '../../../settings/duration.js';

const ifExists = 'expected "error", "append" or "replace"';
const rows = 'expected a whole number of rows, 1 or more';
const bytes = 'expected a whole number of bytes, 1024 or more';

/** Where a sink that writes files puts them. */
export const outputPath = z
  .string('expected the path of a directory or file')
  .min(1, 'expected the path of a directory or file')
  .max(PATH_CHARS_MAX, `expected a path of at most ${PATH_CHARS_MAX} characters`)
  .describe('Where to write, relative to the working directory');

export const IfExistsOption = z
  .enum(['error', 'append', 'replace'], ifExists)
  .default('error')
  .describe(
    'What happens to output that is already there: `error` refuses to start, `append` adds to ' +
      'it, `replace` swaps it for the new one once that is complete',
  );

/** When one file of a directory ends and the next one begins. */
export const RotateOptions = z
  .strictObject({
    rows: z.int(rows).min(1, rows).optional().describe('Rows that a file holds at most'),
    bytes: z
      .int(bytes)
      .min(1_024, bytes)
      .optional()
      .describe('Bytes that a file holds, about: it is looked at between batches'),
    every: durationNs({ min: '1s', max: '30d' })
      .optional()
      .describe(
        'Span of event time that a file holds, cut at its multiples since 1970 UTC. Late rows stay ' +
          'in the open file. A watermark for all symbols ends a file, too',
      ),
  })
  .describe(
    'When one file of a directory ends and the next one begins. Without it, a file ends with the ' +
      'run; of data that has no end, after 1 h of event time or 256 MB',
  );
export type RotateOptions = z.output<typeof RotateOptions>;

const partitions = 'expected a list of 1 to 8 columns, or of year, month, day and hour';
const openParts = 'expected 1 to 4096 files';

/** Options that split files by the values of columns, into folders such as `symbol=A/day=2024-01-02`. */
export const PARTITION_OPTIONS = {
  partitionBy: z
    .array(z.string(partitions).min(1, partitions), partitions)
    .min(1, partitions)
    .max(8, partitions)
    .optional()
    .describe(
      'Columns whose values name the folders that rows go to, as Hive has them: `symbol` makes ' +
        '`symbol=A`. `year`, `month`, `day` and `hour` are those of `time`, in UTC. The files do not ' +
        'hold these columns',
    ),
  openPartsMax: z
    .int(openParts)
    .min(1, openParts)
    .max(4_096, openParts)
    .default(256)
    .describe(
      'Files of partitions that are open at a time; one more ends the file that has had no rows ' +
        'for the longest',
    ),
};

export interface PartitionOptions {
  readonly partitionBy?: readonly string[] | undefined;
  readonly openPartsMax: number;
}

export const TimeFormatOption = z
  .enum(['iso', 'ns', 'us', 'ms'], 'expected "iso", "ns", "us" or "ms"')
  .default('iso')
  .describe(
    'How instants are written: `iso` is ISO 8601 with nine decimals, the others are whole ' +
      'numbers since 1970, rounded down',
  );

export const TextCompressionOption = z
  .enum(['none', 'gzip'], 'expected "none" or "gzip"')
  .optional()
  .describe('How files are compressed. Without it, `gzip` where the path ends in `.gz`, else `none`');
