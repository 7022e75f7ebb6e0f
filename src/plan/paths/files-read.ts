import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { looksLikeGlob } from '../../core/glob.js';
import type { NamedPath } from '../../wire/stage-files.js';
import { isWithin, type Place, type PlaceFinder } from './place-finder.js';
import { type WatchedGlob, watchGlob } from './watched-glob.js';

/** A file that is read, or would be, and the path of the spec that names it. */
export interface FileRead {
  readonly file: string;
  readonly from: NamedPath;
}

/** Looks at one time: as many as keep the system's threads busy. */
const LOOKS_MAX = 256;

/**
 * All files that a job reads, to be asked for one that is written. Asking is a look into a map,
 * however many files there are.
 */
export class FilesRead {
  readonly #byKey = new Map<string, FileRead>();
  readonly #byInode = new Map<string, FileRead>();
  /** With one of its files each. */
  readonly #directories = new Map<string, FileRead>();
  readonly #globs: { readonly glob: WatchedGlob; readonly from: NamedPath }[] = [];

  /** Looks where paths lead and what globs find. What cannot be looked at is left to its reader. */
  static async find(paths: readonly NamedPath[], places: PlaceFinder): Promise<FilesRead> {
    const found = new FilesRead();
    const files: FileRead[] = [];
    for (const from of paths) {
      // As the source does: a file whose name looks like a glob is that file.
      if (!looksLikeGlob(from.path) || (await isThere(from.path))) files.push({ file: from.path, from });
      else {
        const glob = await watchGlob(from.path, places);
        found.#globs.push({ glob, from });
        for (const file of glob.files) files.push({ file, from });
      }
    }
    for (let at = 0; at < files.length; at += LOOKS_MAX) {
      const some = files.slice(at, at + LOOKS_MAX);
      const there = await Promise.all(some.map(({ file }) => places.find(file)));
      for (const [i, place] of there.entries()) found.#add(some[i]!, place);
    }
    return found;
  }

  /** The file that is the one of that place, under whichever name. */
  same({ key, inode }: Pick<Place, 'key' | 'inode'>): FileRead | undefined {
    return this.#byKey.get(key) ?? (inode === undefined ? undefined : this.#byInode.get(inode));
  }

  /** A file in that directory, or in one below it. */
  within(directory: Pick<Place, 'key'>): FileRead | undefined {
    for (const [key, read] of this.#directories) if (isWithin(key, directory.key)) return read;
    return undefined;
  }

  /** A glob that would read a file of that place once it is there. */
  globFor(place: Pick<Place, 'real' | 'key'>): NamedPath | undefined {
    return this.#globs.find(({ glob }) => glob.wouldRead(place))?.from;
  }

  #add(read: FileRead, { key, inode }: Place): void {
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
