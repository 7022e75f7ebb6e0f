import { readdir, realpath } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import type { FileSystemAdapter } from 'tinyglobby';
import type { ComparisonTime } from '../../core/comparison-time.js';
import { globFiles, globMatcher, looksLikeGlob } from '../../core/glob.js';
import { isWithin, type PathResolver, type ResolvedPath } from './path-resolver.js';

/** A glob, with the files that it matches now, and a check for files that do not exist yet. */
export interface WatchedGlob {
  readonly files: readonly string[];
  /** Keys of directories: a file that it would read is in one of them, or below it. */
  readonly directories: readonly string[];
  /**
   * Whether the glob would match a file at that path, under any of its names.
   *
   * @param time - For all that is compared in one go.
   */
  wouldRead(path: Pick<ResolvedPath, 'real' | 'key'>, time: ComparisonTime): boolean;
}

/**
 * Runs a glob as the source will, and remembers which directories it listed and where their links lead.
 * This way a file that is yet to be written to one of them can be checked under the name that the glob
 * will see.
 */
export async function watchGlob(pattern: string, resolver: PathResolver): Promise<WatchedGlob> {
  const looked = new Set<string>();
  const files = await globFiles(pattern, noting(looked));
  const matches = await globMatcher(pattern);

  const seenAs = new Map<string, string[]>();
  await Promise.all(
    [...looked].map(async (path) => {
      const { key } = await resolver.resolve(path);
      const names = seenAs.get(key);
      if (names) names.push(path);
      else seenAs.set(key, [path]);
    }),
  );

  // A glob also looks into what is above its base, to get there, and into targets of links.
  const base = resolve(fixedPart(pattern));
  const within = [...seenAs].filter(([, names]) => names.some((name) => isWithin(resolve(name), base)));
  const directories = new Set([(await resolver.resolve(base)).key, ...within.map(([key]) => key)]);

  return {
    files,
    directories: [...directories],
    wouldRead({ real, key }, time) {
      for (let at = key, depth = 0; ; at = dirname(at), depth++) {
        // The names below this directory, from `real`, since a key may be folded.
        const below = depth === 0 ? [] : real.split(sep).slice(-depth);
        for (const name of seenAs.get(at) ?? []) if (matches([name, ...below].join('/'), time)) return true;
        if (dirname(at) === at) return false;
      }
    },
  };
}

/** The directories at the front of a glob that it names as they are. */
function fixedPart(pattern: string): string {
  const steps = pattern.split('/').slice(0, -1);
  const end = steps.findIndex((step) => looksLikeGlob(step) || step.includes('\\'));
  const path = (end < 0 ? steps : steps.slice(0, end)).join('/');
  return path === '' && pattern.startsWith('/') ? '/' : path;
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
