import { constants, type Stats } from 'node:fs';

/** What `stat` answers with, in numbers or bigints. */
type Found = Pick<
  Stats,
  'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket' | 'isCharacterDevice' | 'isBlockDevice' | 'isSymbolicLink'
>;

/** What is at a path, for "expected a file, found …". */
export function fileKind(found: Found): string {
  if (found.isFile()) return 'a file';
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  if (found.isCharacterDevice() || found.isBlockDevice()) return 'a device';
  return found.isSymbolicLink() ? 'a link' : 'something else';
}

/**
 * Opens a file for reading without waiting. To open a pipe waits for somebody who writes, in one of the four
 * threads that do the file work of the whole process, and nothing ends that wait. With this flag it is open at
 * once, and what was opened can be looked at. It changes nothing for a file.
 */
export const READ_WITHOUT_WAIT = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
