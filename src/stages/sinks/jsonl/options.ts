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
  path: outputPath.describe(
    'One file if it ends in `.jsonl`, `.ndjson` or one of them with `.gz` (it appears when it is ' +
      'complete), else a directory of files',
  ),
  controls: z
    .boolean('expected true or false')
    .default(false)
    .describe('Whether control records are written between the rows, as lines `{"control": …}`'),
  timeFormat: TimeFormatOption,
  compression: TextCompressionOption,
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  ifExists: IfExistsOption,
});
export type JsonlSinkOptions = z.output<typeof JsonlSinkOptions>;
