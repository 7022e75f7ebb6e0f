import { z } from 'zod';
import { CSV_OPTIONS } from '../../../formats/csv/csv-options.js';
import { durationNs } from '../../../settings/duration.js';

const path = 'expected the path of a file, a glob, or a list of them';
const speed = 'expected "max" or a number above 0 (1 is real time, 10 ten times as fast)';

/** Rows recorded in files. */
export const ReplayOptions = z.strictObject({
  path: z
    .union(
      [z.string().min(1, path), z.array(z.string().min(1, path), path).min(1, path).max(100_000, path)],
      path,
    )
    .describe(
      'A path, a glob, or a list of them, relative to the working directory. The files are taken ' +
        'in the order given, those of one glob by name',
    ),
  format: z
    .enum(['csv'], 'expected csv')
    .default('csv')
    .describe('How rows stand in the files. Plain or gzip is recognized by the first bytes of a file'),
  ...CSV_OPTIONS,
  order: z
    .enum(['time', 'listed'], 'expected time or listed')
    .optional()
    .describe(
      '`time`: all files are one stream in order of time, merged where they overlap, read ' +
        'backwards where the newest row comes first. `listed`: one after the other, each as it is. ' +
        'Without it, `time` where there is a column `time` of type timestamp, else `listed`',
    ),
  maxDelay: durationNs({ min: '0s', max: '30d' })
    .prefault('0s')
    .describe(
      'How far the time of a row may be behind the latest one before it in its file: what the ' +
        'source promises of its rows',
    ),
  speed: z
    .union([z.literal('max'), z.number(speed).min(1e-6, speed).max(1e9, speed)], speed)
    .default('max')
    .describe(
      '`max`, or how many times faster than real time: 1, 10. A row waits until it is due; time ' +
        'that goes back does not wait',
    ),
});

export type ReplayOptions = z.output<typeof ReplayOptions>;
