import { resolve, sep } from 'node:path';
import { COMPARISON_MS_MAX, ComparisonTime, ComparisonTimeError } from '../../core/comparison-time.js';
import { type SpecProblem, shownPath } from '../../core/errors.js';
import { looksLikeGlob } from '../../core/glob.js';
import { cutText } from '../../core/shown-text.js';
import type { NamedPath } from '../../wire/stage-files.js';
import type { FileRead } from './files-read.js';
import type { JobFiles, PathWritten } from './job-files.js';
import { isWithin } from './path-resolver.js';

/** Finds the paths that a spec both reads and writes, or writes twice. */
export function ownConflicts(files: JobFiles): SpecProblem[] {
  const problems: SpecProblem[] = [];
  try {
    addOwnConflicts(files, problems);
  } catch (error) {
    problems.push(tooSlow(files, 'one another', error));
  }
  return problems;
}

/** @throws {ComparisonTimeError} */
function addOwnConflicts(files: JobFiles, problems: SpecProblem[]): void {
  const time = new ComparisonTime();
  for (const [i, write] of files.writes.entries()) {
    for (const earlier of files.writes.slice(0, i)) {
      const clash = writeClash(write, earlier, shownPath(earlier.at));
      if (clash !== undefined) problems.push({ path: write.at, message: clash });
    }
    const clash = readClash(files, files.job, write, time);
    if (!clash) continue;
    // The dead-letter path is the easiest to change. Otherwise the input may be wrong, such as a glob.
    if (write.isDeadLetters) problems.push(atWriter(write, clash, shownPath(clash.from.at)));
    else problems.push(atReader(write, clash, shownPath(write.at)));
  }
}

/**
 * The problem of files that could not be compared in time.
 *
 * @param error - Any other is thrown again.
 */
export function tooSlow({ reads, writes }: JobFiles, others: string, error: unknown): SpecProblem {
  if (!(error instanceof ComparisonTimeError)) throw error;
  const { at } = reads.names.find(({ path }) => looksLikeGlob(path)) ?? writes[0] ?? { at: [] };
  const message =
    `expected paths that are soon compared with ${others}, found that globs of them take more than ` +
    `${COMPARISON_MS_MAX} ms to match, so whether they are in one another's way is not known; use fewer "*" and ` +
    'groups in a name';
  return { path: at, message };
}

/**
 * Finds the conflicts between a job and another job that is running or waiting. Accesses no files.
 *
 * @param other - The files of the other job, as they were when it was submitted.
 * @param who - The name of the other job in messages.
 * @param time - For globs. Of one job with all others, if they are compared in one go.
 * @throws {ComparisonTimeError} if that is over.
 */
export function conflictsBetween(
  files: JobFiles,
  other: JobFiles,
  who: string,
  time = new ComparisonTime(),
): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const of = ({ at }: NamedPath) => `${shownPath(at)} of ${who}`;
  for (const write of files.writes) {
    for (const theirs of other.writes) {
      if (mayShare(write, theirs)) continue;
      const clash = writeClash(write, theirs, of(theirs));
      if (clash !== undefined) problems.push({ path: write.at, message: clash });
    }
    const clash = readClash(other, files.job, write, time);
    if (clash) problems.push(atWriter(write, clash, of(clash.from)));
  }
  for (const theirs of other.writes) {
    const clash = readClash(files, other.job, theirs, time);
    if (clash) problems.push(atReader(theirs, clash, of(theirs)));
  }
  return problems;
}

/** Whether both may write to the same directory: the parts of runs that share one have distinct names. */
function mayShare(a: PathWritten, b: PathWritten): boolean {
  return (
    a.isShared === true &&
    b.isShared === true &&
    a.partsEndIn === b.partsEndIn &&
    a.resolved.key === b.resolved.key
  );
}

function writeClash(write: PathWritten, other: PathWritten, who: string): string | undefined {
  const path = quote(write.path);
  if (isSame(write, other)) {
    const alias = other.path === write.path ? '' : ` (as ${quote(other.path)})`;
    return `expected a path of its own, found ${path}, where ${who} writes${alias}; choose another path`;
  }
  if (other.partsEndIn !== undefined && isWithin(write.resolved.key, other.resolved.key)) {
    return (
      `expected a path outside of ${quote(other.path)}, where ${who} writes its parts, found ${path}; ` +
      'choose another path'
    );
  }
  if (write.partsEndIn !== undefined && isWithin(other.resolved.key, write.resolved.key)) {
    return (
      `expected a directory of its own, found ${path}, and ${who} writes to ${quote(other.path)} in it; ` +
      'choose another path'
    );
  }
  return undefined;
}

function isSame({ resolved: a }: PathWritten, { resolved: b }: PathWritten): boolean {
  return a.key === b.key || (a.inode !== undefined && a.inode === b.inode);
}

interface ReadClash {
  readonly from: NamedPath;
  /** The existing file that is read. If missing, a glob would match the file that is yet to be written. */
  readonly file?: string;
  readonly isWithin?: boolean;
}

/** @param writer - The job that writes: its name is in the names of its parts. */
function readClash(
  { reads }: JobFiles,
  writer: string,
  write: PathWritten,
  time: ComparisonTime,
): ReadClash | undefined {
  const { resolved, partsEndIn, partitionBy = [] } = write;
  const same = reads.same(resolved);
  // A glob may spell the same path differently, which is not worth showing as another name.
  if (same) return resolve(same.file) === resolve(write.path) ? { ...same, file: write.path } : same;
  if (partsEndIn === undefined) return globClash(reads.globFor(resolved, time));
  const within: FileRead | undefined = reads.within(resolved);
  if (within) return { ...within, isWithin: true };
  for (const name of sampleParts(writer, partsEndIn, partitionBy)) {
    const part = { real: `${resolved.real}${sep}${name}`, key: `${resolved.key}${sep}${name}` };
    const from = reads.globFor(part, time);
    if (from) return { from };
  }
  return undefined;
}

const globClash = (from: NamedPath | undefined): ReadClash | undefined => from && { from };

/** Examples of part names: a glob that matches none of them is meant for other files. */
function sampleParts(writer: string, extension: string, partitionBy: readonly string[]): readonly string[] {
  const folders = partitionBy.map((name) => `${name}=a${sep}`).join('');
  return ['mjx3aq7wzt', 'abcdefghij', '2345672345'].map(
    (run) => `${folders}${writer}-${run}-00001-000001.${extension}`,
  );
}

function atReader(write: PathWritten, { from, file, isWithin: inside }: ReadClash, who: string): SpecProblem {
  const path = quote(write.path);
  const expected = 'expected input that nothing writes to, found';
  if (file === undefined) {
    const found = write.partsEndIn === undefined ? path : `the parts in ${path}`;
    return {
      path: from.at,
      message:
        `${expected} the glob ${quote(from.path)}, which matches ${found}, where ${who} writes; ` +
        'narrow the glob, or write elsewhere',
    };
  }
  const found = `${quote(file)}${matched(from, file)}`;
  const alias = inside ? ` in the directory ${path}` : file === write.path ? '' : `, which is ${path}`;
  return {
    path: from.at,
    message: `${expected} ${found}${alias}, where ${who} writes; write elsewhere`,
  };
}

function atWriter(write: PathWritten, { from, file, isWithin: inside }: ReadClash, who: string): SpecProblem {
  const found = `found ${quote(write.path)}`;
  let message: string;
  if (file === undefined) {
    const what = write.partsEndIn === undefined ? 'it' : 'its parts';
    message = `expected a path that nothing reads, ${found}, and the glob ${quote(from.path)} of ${who} matches ${what}`;
  } else if (inside) {
    message = `expected a directory that nothing reads from, ${found}, and ${who} reads ${quote(file)}${matched(from, file)} in it`;
  } else {
    const alias = file === write.path ? '' : ` as ${quote(file)}`;
    message = `expected a path that nothing reads, ${found}, which ${who} reads${alias}${matched(from, file)}`;
  }
  return { path: write.at, message: `${message}; choose another path` };
}

const matched = (from: NamedPath, file: string): string =>
  from.path === file ? '' : ` (by ${quote(from.path)})`;

const quote = (path: string): string => JSON.stringify(cutText(path, 200));
