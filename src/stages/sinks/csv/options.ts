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
  /** A file if it ends in `.csv` or `.csv.gz`, else a directory of parts. */
  path: outputPath.describe(
    'One file if it ends in ".csv" or ".csv.gz" (it appears when it is complete), else a directory of files',
  ),
  /** Between the values of a row. */
  delimiter: z
    .enum([',', ';', '|', '\t'], delimiter)
    .default(',')
    .describe('Between the values: a comma, a semicolon, "|" or a tab'),
  /** A first line with the names of the columns. */
  header: z
    .boolean('expected true or false')
    .default(true)
    .describe('Whether the first line names the columns'),
  /** How instants are written. */
  timeFormat: TimeFormatOption,
  compression: TextCompressionOption,
  /** When one file ends and the next one begins; directories only. */
  rotate: RotateOptions.optional(),
  ...PARTITION_OPTIONS,
  /** What becomes of output that is there already. */
  ifExists: IfExistsOption,
});
export type CsvSinkOptions = z.output<typeof CsvSinkOptions>;
