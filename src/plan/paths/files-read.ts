import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ComparisonTime } from '../../core/comparison-time.js';
import type { SpecProblem } from '../../core/errors.js';
import { GlobReachError, looksLikeGlob } from '../../core/glob.js';
import type { NamedPath } from '../../wire/stage-files.js';
import { isWithin, type PathResolver, type ResolvedPath } from './path-resolver.js';
import { type WatchedGlob, watchGlob } from './watched-glob.js';

/** A file that a job reads, and the path in the spec that names it. */
export interface FileRead {
  readonly file: string;
  readonly from: NamedPath;
}

/** Paths looked up at a time: enough to keep the threads of the system busy. */
const LOOKS_MAX = 256;

/**
 * All files that a job reads, to check written files against. A check of a single file is one map look-up,
 * however many files there are.
 */
export class FilesRead {
  /** The paths and globs that name them. */
  readonly names: readonly NamedPath[];
  /** Globs that look into too many directories. Their files are not known; the source refuses them, too. */
  readonly problems: SpecProblem[] = [];
  readonly #byKey = new Map<string, FileRead>();
  readonly #byInode = new Map<string, FileRead>();
  /** The directories of the files, each with one of its files. */
  readonly #directories = new Map<string, FileRead>();
  readonly #globs: { readonly glob: WatchedGlob; readonly from: NamedPath }[] = [];

  private constructor(names: readonly NamedPath[]) {
    this.names = names;
  }

  /** Resolves paths and globs. Errors are ignored here: the source reports them when it reads the file. */
  static async find(paths: readonly NamedPath[], resolver: PathResolver): Promise<FilesRead> {
    const found = new FilesRead(paths);
    const files: FileRead[] = [];
    for (const from of paths) {
      // Like the source: if a file with the name of a glob exists, that file is meant.
      if (!looksLikeGlob(from.path) || (await isThere(from.path))) files.push({ file: from.path, from });
      else {
        const glob = await watchGlob(from.path, resolver).catch((error: unknown) => {
          if (!(error instanceof GlobReachError)) throw error;
          found.problems.push({ path: from.at, message: error.message });
        });
        if (!glob) continue;
        found.#globs.push({ glob, from });
        for (const file of glob.files) files.push({ file, from });
      }
    }
    for (let at = 0; at < files.length; at += LOOKS_MAX) {
      const some = files.slice(at, at + LOOKS_MAX);
      const there = await Promise.all(some.map(({ file }) => resolver.resolve(file)));
      for (const [i, resolved] of there.entries()) found.#add(some[i]!, resolved);
    }
    return found;
  }

  /** The keys of the files, and their inodes. */
  *keys(): Generator<string> {
    yield* this.#byKey.keys();
    yield* this.#byInode.keys();
  }

  /** The directories of the files. */
  directories(): Iterable<string> {
    return this.#directories.keys();
  }

  /** The directories that globs have looked into. */
  *directoriesOfGlobs(): Generator<string> {
    for (const { glob } of this.#globs) yield* glob.directories;
  }

  /** Returns the file at that path, under any of its names. */
  same({ key, inode }: Pick<ResolvedPath, 'key' | 'inode'>): FileRead | undefined {
    return this.#byKey.get(key) ?? (inode === undefined ? undefined : this.#byInode.get(inode));
  }

  /** Returns a file in that directory, or in a directory below it. */
  within(directory: Pick<ResolvedPath, 'key'>): FileRead | undefined {
    for (const [key, read] of this.#directories) if (isWithin(key, directory.key)) return read;
    return undefined;
  }

  /**
   * Returns a glob that would match a file at that path once it exists.
   *
   * @param time - For all that is compared in one go.
   */
  globFor(path: Pick<ResolvedPath, 'real' | 'key'>, time: ComparisonTime): NamedPath | undefined {
    return this.#globs.find(({ glob }) => glob.wouldRead(path, time))?.from;
  }

  #add(read: FileRead, { key, inode }: ResolvedPath): void {
    this.#byKey.set(key, read);
    if (inode !== undefined) this.#byInode.set(inode, read);
    this.#directories.set(dirname(key), read);
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
