import { type Dirent, readdir } from 'node:fs';
import type { FileSystemAdapter } from 'tinyglobby';
import type { ComparisonTime } from './comparison-time.js';
import { ambiguities, namesOf, repeatsWhatRepeats } from './glob-cost.js';
import { globEnds, hasEnds } from './glob-ends.js';
import { importGlobs } from './import-later.js';

/** Globs match files only, and no hidden ones. */
const OPTIONS = { onlyFiles: true, expandDirectories: false, dot: false } as const;

/** Whether a path that is not the name of a file is a glob. */
export const looksLikeGlob = (path: string): boolean => /[*?[\]{}!()]/.test(path);

/** Characters of a path: no system takes longer ones. */
export const PATH_CHARS_MAX = 4_096;

/**
 * Repetitions in one name of a glob. To find out that a name does not match, all ways to divide it among them
 * are tried: with five, and a name of 250 characters, for minutes; with four, for two seconds.
 */
const STARS_IN_NAME_MAX = 4;
/** `**` in a glob. */
const GLOBSTARS_MAX = 4;

/** Directories that one glob may list, so that `/**` does not walk through all disks. */
const DIRECTORIES_MAX = 100_000;

/** A glob would list too many directories. */
export class GlobReachError extends Error {
  override readonly name = 'GlobReachError';

  constructor() {
    super(
      `expected a glob that looks into at most ${DIRECTORIES_MAX} directories, found one that looks into more: ` +
        'begin it with the directory of the files',
    );
  }
}

/** Says why a path or glob is refused; `undefined` if it is fine. */
export function pathProblem(path: string): string | undefined {
  if (path.length > PATH_CHARS_MAX) {
    return `expected at most ${PATH_CHARS_MAX} characters, found ${path.length}`;
  }
  if (!looksLikeGlob(path)) return undefined;
  const names = namesOf(path);
  const globstars = names.filter((name) => name === '**').length;
  if (globstars > GLOBSTARS_MAX)
    return `expected a glob with at most ${GLOBSTARS_MAX} "**", found ${globstars}`;
  if (names.some(repeatsWhatRepeats))
    return 'expected a glob that repeats no group in which something repeats or begins alike, found one that does';
  const stars = Math.max(...names.map((name) => (name === '**' ? 0 : ambiguities(name))));
  if (stars <= STARS_IN_NAME_MAX) return undefined;
  return `expected a glob with at most ${STARS_IN_NAME_MAX} "*" and groups in a name, found ${stars}`;
}

/**
 * Returns the files that match a glob now, relative to the working directory, in no particular order.
 *
 * @param fs - To watch which directories are looked into.
 * @param directoriesMax - Directories that it may list.
 * @throws {GlobReachError} if there are more.
 */
export async function globFiles(
  pattern: string,
  fs: FileSystemAdapter = {},
  directoriesMax = DIRECTORIES_MAX,
): Promise<string[]> {
  const { glob } = await importGlobs();
  const tooFar = new AbortController();
  const list = (fs.readdir ?? readdir) as ReadDirectory;
  let directories = 0;
  const counting: ReadDirectory = (path, options, done) => {
    if (++directories <= directoriesMax) return list(path, options, done);
    tooFar.abort();
    done(null, []);
  };
  // The cast is true: it is the one form that a glob calls.
  const counted = { ...fs, readdir: counting as unknown as NonNullable<FileSystemAdapter['readdir']> };
  const files = await glob(pattern, { ...OPTIONS, fs: counted, signal: tooFar.signal });
  if (tooFar.signal.aborted) throw new GlobReachError();
  return files;
}

type ReadDirectory = (
  path: string,
  options: { readonly withFileTypes: true },
  done: (error: Error | null, entries: Dirent[]) => void,
) => void;

/**
 * Answers whether a glob would name a file if there were one of that path (absolute, with `/`): by
 * showing it a file system with this file and no other. A glob that takes too long to tell counts as one that
 * would.
 *
 * @returns A function that may be kept for long. Its `time` is for all that is compared in one go, by other globs, too;
 *   it throws a `ComparisonTimeError` when that is over.
 */
export async function globMatcher(pattern: string): Promise<(path: string, time: ComparisonTime) => boolean> {
  const matches = await unboundedMatcher(pattern);
  const ends = globEnds(pattern);
  const isSlow = namesOf(pattern).some((name) => ambiguities(name) > 1);
  return (path, time) => {
    if (!hasEnds(path.slice(path.lastIndexOf('/') + 1), ends)) return false;
    return isSlow ? time.within(() => matches(path)) : matches(path);
  };
}

/** The same, however long it takes. */
export async function unboundedMatcher(pattern: string): Promise<(path: string) => boolean> {
  const { globSync } = await importGlobs();
  return (path) => globSync(pattern, { ...OPTIONS, fs: onlyFile(path) }).length > 0;
}

function onlyFile(path: string): FileSystemAdapter {
  const readdirSync = (directory: string) => {
    const prefix = directory.endsWith('/') ? directory : `${directory}/`;
    if (!path.startsWith(prefix)) return [];
    const rest = path.slice(prefix.length);
    const end = rest.indexOf('/');
    const isFile = end < 0;
    return [
      {
        name: isFile ? rest : rest.slice(0, end),
        isFile: () => isFile,
        isDirectory: () => !isFile,
        isSymbolicLink: () => false,
      },
    ];
  };
  // These are the members of a `Dirent` that a glob asks for.
  return { readdirSync: readdirSync as unknown as NonNullable<FileSystemAdapter['readdirSync']> };
}
