import { z } from 'zod';
import {
  IfExistsOption,
  outputPath,
  PARTITION_OPTIONS,
  RotateOptions,
  TextCompressionOption,
  TimeFormatOption,
} from '../files/file-output-options.js';

const delimiter = 'expected one character: ",", ";", "|" or a tab';

export const CsvSinkOptions = z.strictObject({
  path: outputPath.describe(
    'One file if it ends in `.csv` or `.csv.gz` (it appears when it is complete), else a ' +
      'directory of files',
  ),
  delimiter: z
    .enum([',', ';', '|', '\t'], delimiter)
    .default(',')
    .describe('The separator between two values of a row'),
  header: z
    .boolean('expected true or false')
    .default(true)
    .describe('Whether the first line names the columns'),
  timeFormat: TimeFormatOption,
  compression: TextCompressionOption,
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  ifExists: IfExistsOption,
});
export type CsvSinkOptions = z.output<typeof CsvSinkOptions>;
