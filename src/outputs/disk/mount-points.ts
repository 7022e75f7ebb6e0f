import type { FileSystem } from './file-system.js';

/** Lists the mounts of this process; see proc(5). */
const MOUNTS = '/proc/self/mountinfo';
/** The field that holds the place, counted from 0. */
const PLACE = 4;

/**
 * Whether something is mounted at a path without links, as far as the system says: only Linux does. Unlike the
 * device number, this also tells a bind mount of the same file system, across which no file can be renamed.
 */
export async function isMountPoint(fs: Pick<FileSystem, 'readFile'>, path: string): Promise<boolean> {
  let mounts: string;
  try {
    mounts = await fs.readFile(MOUNTS, 'utf8');
  } catch {
    return false; // a rename across mounts fails later, with its own error
  }
  return mounts.split('\n').some((mount) => unescaped(mount.split(' ')[PLACE] ?? '') === path);
}

/** Blanks, tabs, line ends and backslashes are written as their octal codes, such as `\040`. */
const unescaped = (place: string): string =>
  place.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
