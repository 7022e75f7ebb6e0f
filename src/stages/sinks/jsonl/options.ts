import { z } from 'zod';
import {
  IfExistsOption,
  outputPath,
  PARTITION_OPTIONS,
  RotateOptions,
  TextCompressionOption,
  TimeFormatOption,
} from '../files/file-output-options.js';

export const JsonlSinkOptions = z.strictObject({
  /** A file if it ends in `.jsonl` or `.ndjson` (or those with `.gz`), else a directory of parts. */
  path: outputPath.describe(
    'One file if it ends in ".jsonl", ".ndjson" or one of them with ".gz" (it appears when it is ' +
      'complete), else a directory of files',
  ),
  /** Whether gaps and the like are lines of their own. */
  controls: z
    .boolean('expected true or false')
    .default(false)
    .describe('Whether control records (gaps, silence, switches) are written as lines {"control": …}'),
  /** How instants are written. */
  timeFormat: TimeFormatOption,
  compression: TextCompressionOption,
  /** When one file ends and the next one begins; directories only. */
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  /** What becomes of output that is there already. */
  ifExists: IfExistsOption,
});
export type JsonlSinkOptions = z.output<typeof JsonlSinkOptions>;
