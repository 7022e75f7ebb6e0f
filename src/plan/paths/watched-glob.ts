import { readdir, realpath } from 'node:fs';
import { dirname, sep } from 'node:path';
import type { FileSystemAdapter } from 'tinyglobby';
import { globFiles, globMatcher } from '../../core/glob.js';
import type { Place, PlaceFinder } from './place-finder.js';

/** A glob, with the files that it matches now, and a check for files that do not exist yet. */
export interface WatchedGlob {
  readonly files: readonly string[];
  /** Whether the glob would match a file at that place, under any of its names. */
  wouldRead(place: Pick<Place, 'real' | 'key'>): boolean;
}

/**
 * Runs a glob as the source will, and remembers which directories it listed and where their links lead.
 * This way a file that is yet to be written to one of them can be checked under the name that the glob
 * will see.
 */
export async function watchGlob(pattern: string, places: PlaceFinder): Promise<WatchedGlob> {
  const looked = new Set<string>();
  const files = await globFiles(pattern, noting(looked));
  const matches = await globMatcher(pattern);

  const seenAs = new Map<string, string[]>();
  await Promise.all(
    [...looked].map(async (path) => {
      const { key } = await places.find(path);
      const names = seenAs.get(key);
      if (names) names.push(path);
      else seenAs.set(key, [path]);
    }),
  );

  return {
    files,
    wouldRead({ real, key }) {
      for (let at = key, depth = 0; ; at = dirname(at), depth++) {
        // The names below this directory, from `real`, since a key may be folded.
        const below = depth === 0 ? [] : real.split(sep).slice(-depth);
        for (const name of seenAs.get(at) ?? []) if (matches([name, ...below].join('/'))) return true;
        if (dirname(at) === at) return false;
      }
    },
  };
}

/** Records each directory that is listed and each link that is followed, including dangling links. */
function noting(looked: Set<string>): FileSystemAdapter {
  const note = (path: unknown) => {
    const text = String(path);
    looked.add(text.length > 1 ? text.replace(/\/+$/, '') : text);
  };
  const watched = {
    readdir: (path: string, ...rest: unknown[]) => {
      note(path);
      (readdir as (...all: unknown[]) => void)(path, ...rest);
    },
    realpath: (path: string, ...rest: unknown[]) => {
      note(path);
      (realpath as (...all: unknown[]) => void)(path, ...rest);
    },
  };
  // The cast is true: both functions pass all arguments on, so every overload works.
  return watched as unknown as FileSystemAdapter;
}
