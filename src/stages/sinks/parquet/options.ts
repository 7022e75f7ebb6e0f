import { z } from 'zod';
import {
  IfExistsOption,
  outputPath,
  PARTITION_OPTIONS,
  RotateOptions,
} from '../files/file-output-options.js';

const rowGroup = 'expected 1024 to 1048576 rows';

export const ParquetSinkOptions = z.strictObject({
  /** Directory of the parts. */
  path: outputPath.describe('Directory of the files. Made if it is not there'),
  /** `zstd` needs Node 22.15. */
  compression: z
    .enum(['none', 'snappy', 'gzip', 'zstd'], 'expected "none", "snappy", "gzip" or "zstd"')
    .default('snappy')
    .describe('Compression of the pages; "zstd" needs Node 22.15 or newer'),
  /** Rows held in memory until they are encoded together. */
  rowGroupRows: z
    .int(rowGroup)
    .min(1_024, rowGroup)
    .max(1_048_576, rowGroup)
    .default(131_072)
    .describe('Rows of a row group. They are held in memory, at about 8 bytes a value'),
  /** When one file ends and the next one begins. */
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  /** What becomes of output that is there already. */
  ifExists: IfExistsOption,
});
export type ParquetSinkOptions = z.output<typeof ParquetSinkOptions>;
