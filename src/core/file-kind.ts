import { constants, type Stats } from 'node:fs';

/** What `stat` answers with, in numbers or bigints. */
type Found = Pick<
  Stats,
  'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket' | 'isCharacterDevice' | 'isBlockDevice' | 'isSymbolicLink'
>;

/** What is at a path. `device`: one of characters, such as a terminal. */
export type FileKind =
  | 'file'
  | 'directory'
  | 'pipe'
  | 'socket'
  | 'device'
  | 'block device'
  | 'link'
  | 'something else';

export function kindOfFile(found: Found): FileKind {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  if (found.isFIFO()) return 'pipe';
  if (found.isSocket()) return 'socket';
  if (found.isCharacterDevice()) return 'device';
  if (found.isBlockDevice()) return 'block device';
  return found.isSymbolicLink() ? 'link' : 'something else';
}

/** For "expected a file, found …". */
export const textOfKind = (kind: FileKind): string => (kind === 'something else' ? kind : `a ${kind}`);

/** What is at a path, for "expected a file, found …". */
export const fileKind = (found: Found): string => textOfKind(kindOfFile(found));

/**
 * Opens a file for reading without waiting. To open a pipe waits for somebody who writes, in one of the four
 * threads that do the file work of the whole process, and nothing ends that wait. With this flag it is open at
 * once, and what was opened can be looked at. It changes nothing for a file.
 */
export const READ_WITHOUT_WAIT = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
