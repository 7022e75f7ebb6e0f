import { readdir, realpath } from 'node:fs';
import { dirname, sep } from 'node:path';
import type { FileSystemAdapter } from 'tinyglobby';
import { globFiles, globMatcher } from '../../core/glob.js';
import type { Place, PlaceFinder } from './place-finder.js';

/** A glob, the files that it names now, and those that it would name if they were there. */
export interface WatchedGlob {
  readonly files: readonly string[];
  /** Whether it would read a file of that place, under whichever of its names. */
  wouldRead(place: Pick<Place, 'real' | 'key'>): boolean;
}

/**
 * Looks through the directories as the source will. Where it looked is remembered, links followed:
 * a file that is yet to come to one of those places is found there under the name that the glob
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
        // The names below, as they are written: a key may be folded.
        const below = depth === 0 ? [] : real.split(sep).slice(-depth);
        for (const name of seenAs.get(at) ?? []) if (matches([name, ...below].join('/'))) return true;
        if (dirname(at) === at) return false;
      }
    },
  };
}

/** Notes each directory that is listed and each link that is followed, those that lead nowhere too. */
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
  // They hand on what they are given, whichever overload that is.
  return watched as unknown as FileSystemAdapter;
}
