import * as node from 'node:fs/promises';

/** The part of `node:fs/promises` that outputs use. Tests inject failures into it. */
export type FileSystem = Pick<
  typeof node,
  | 'mkdir'
  | 'open'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'rmdir'
  | 'readdir'
  | 'readFile'
  | 'stat'
  | 'lstat'
  | 'realpath'
  | 'copyFile'
  | 'truncate'
>;

export const nodeFileSystem: FileSystem = node;
