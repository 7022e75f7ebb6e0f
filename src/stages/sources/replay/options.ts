import { z } from 'zod';
import { pathProblem } from '../../../core/glob.js';
import { CSV_OPTIONS } from '../../../formats/csv/csv-options.js';
import { durationNs } from '../../../settings/duration.js';

const path = 'expected the path of a file, a glob, or a list of them';
const speed = 'expected "max" or a number above 0 (1 is real time, 10 ten times as fast)';

/** Each is looked for when a spec is checked. */
const PATHS_MAX = 20_000;
const paths = `expected at most ${PATHS_MAX} paths`;
/** Of each, directories are listed. */
const GLOBS_MAX = 100;

function checkPaths(given: string | string[], context: z.core.$RefinementCtx<string | string[]>): void {
  const list = typeof given === 'string' ? [given] : given;
  const add = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message, input: given });
  for (const [i, each] of list.entries()) {
    const problem = pathProblem(each);
    if (problem !== undefined) add(typeof given === 'string' ? [] : [i], problem);
  }
  // Brackets are in names of files, too: `ticks (1).csv`.
  const globs = list.filter((each) => /[*?]/.test(each)).length;
  if (globs > GLOBS_MAX) add([], `expected at most ${GLOBS_MAX} globs, found ${globs}`);
}

/** Rows recorded in files. */
export const ReplayOptions = z.strictObject({
  path: z
    .union(
      [z.string().min(1, path), z.array(z.string().min(1, path), path).min(1, path).max(PATHS_MAX, paths)],
      path,
    )
    .superRefine(checkPaths)
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
