import type { IfExists } from '../../../outputs/output.js';
import type { WrittenPath } from '../../../wire/stage-files.js';
import { isGzip, namesSingleFile } from './text-output.js';

interface FileOutputOptions {
  readonly path: string;
  readonly ifExists: IfExists;
  readonly partitionBy?: readonly string[] | undefined;
}

/** What a sink of text files writes: a single file, or parts in a directory. */
export function writtenText(
  options: FileOutputOptions & { readonly compression?: 'none' | 'gzip' | undefined },
  extensions: readonly [string, ...string[]],
): WrittenPath {
  if (namesSingleFile(options.path, extensions)) return { path: options.path, at: ['path'] };
  return writtenParts(options, isGzip(options) ? `${extensions[0]}.gz` : extensions[0]);
}

/** The path of a directory of parts. Runs that append to it do not touch each other's parts. */
export function writtenParts(
  { path, ifExists, partitionBy = [] }: FileOutputOptions,
  extension: string,
): WrittenPath {
  return { path, at: ['path'], partsEndIn: extension, partitionBy, isShared: ifExists === 'append' };
}
