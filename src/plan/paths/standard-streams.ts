import type { SpecProblem } from '../../core/errors.js';
import type { JobFiles, PathWritten } from './job-files.js';

const DASH = '-';

/**
 * Refuses `-` as a path, which elsewhere means standard input or output. Here it would be a file of that name,
 * which nobody means.
 */
export function standardStreams({ reads, writes }: JobFiles): SpecProblem[] {
  const problems: SpecProblem[] = [];
  for (const { path, at } of reads.names) {
    if (path !== DASH) continue;
    const message =
      'expected the path of a file, found "-": standard input can be read only once, and a source may read its ' +
      'files several times. Write it to a file first; a file of this name is "./-"';
    problems.push({ path: at, message });
  }
  for (const write of writes) {
    if (write.path === DASH) problems.push({ path: write.at, message: notWritten(write) });
  }
  return problems;
}

const notWritten = ({ isDeadLetters }: PathWritten): string =>
  isDeadLetters
    ? 'expected the path of a file, found "-": bad rows are kept in a file alone. One of this name is "./-"'
    : 'expected the path of a directory or file, found "-": on standard output, the sink "console" prints rows. ' +
      'A file or directory of this name is "./-"';
