import { z } from 'zod';
import {
  IfExistsOption,
  outputPath,
  PARTITION_OPTIONS,
  RotateOptions,
} from '../files/file-output-options.js';

const rowGroup = 'expected 1024 to 1048576 rows';

export const ParquetSinkOptions = z.strictObject({
  path: outputPath.describe(
    'Directory of the files, relative to the working directory; made if it is not there',
  ),
  compression: z
    .enum(['none', 'snappy', 'gzip', 'zstd'], 'expected "none", "snappy", "gzip" or "zstd"')
    .default('snappy')
    .describe('Compression of the pages; `zstd` needs Node 22.15 or newer'),
  rowGroupRows: z
    .int(rowGroup)
    .min(1_024, rowGroup)
    .max(1_048_576, rowGroup)
    .default(131_072)
    .describe(
      'Rows of a row group. They are held in memory until the group is full, about 8 bytes a ' +
        'value, and count towards `maxMemoryMb`',
    ),
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  ifExists: IfExistsOption,
});
export type ParquetSinkOptions = z.output<typeof ParquetSinkOptions>;
