import type { BigIntStats } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, parse, sep } from 'node:path';

/** What is needed of `node:fs/promises`. */
export type PlaceFileSystem = Pick<typeof nodeFs, 'lstat' | 'readlink' | 'realpath'>;

/** Where a path leads, whether or not something is there yet. */
export interface Place {
  /** Absolute, with every link followed. */
  readonly real: string;
  /** The same for two paths of one place: `real`, with names folded where the file system ignores case. */
  readonly key: string;
  /** Device and inode of what is there: one file may have two names, and neither a link. */
  readonly inode?: string;
  readonly kind: 'file' | 'directory' | 'device' | 'other' | 'missing';
}

/** A root has no name to ask by. */
const FOLDS_AT_ROOT = process.platform === 'win32' || process.platform === 'darwin';

/** As many links as the kernel follows. */
const LINKS_MAX = 40;

/**
 * Follows paths as the operating system does, and on where nothing is there yet: a link is followed
 * before the `..` behind it, and one that leads nowhere says where its file would be.
 *
 * Remembers directories, so that thousands of files in one cost one look each. Make a new one for
 * each comparison: the file system changes.
 */
export class PlaceFinder {
  readonly #fs: PlaceFileSystem;
  readonly #directories = new Map<string, Promise<string>>();
  readonly #keys = new Map<string, Promise<string>>();
  readonly #folding = new Map<string, Promise<boolean>>();

  /** @param fs - For tests. */
  constructor(fs: PlaceFileSystem = nodeFs) {
    this.#fs = fs;
  }

  async find(path: string): Promise<Place> {
    const name = basename(path);
    if (name === '' || name === '.' || name === '..') return this.#placeAt(await this.#follow(path));
    const real = join(await this.#directory(dirname(path)), name);
    const found = await this.#look(real);
    if (found?.isSymbolicLink()) return this.#placeAt(await this.#follow(real));
    return this.#place(real, found);
  }

  async #placeAt(real: string): Promise<Place> {
    return this.#place(real, await this.#look(real));
  }

  async #place(real: string, found: BigIntStats | undefined): Promise<Place> {
    const key = await this.#keyOf(real);
    if (!found) return { real, key, kind: 'missing' };
    return { real, key, inode: `${found.dev}:${found.ino}`, kind: kindOf(found) };
  }

  #directory(path: string): Promise<string> {
    let real = this.#directories.get(path);
    if (!real) {
      real = this.#follow(path);
      this.#directories.set(path, real);
    }
    return real;
  }

  async #follow(path: string): Promise<string> {
    try {
      return await this.#fs.realpath(path);
    } catch {
      return this.#followByHand(path);
    }
  }

  /** For what the system's own call gives up on: the end of the path is not there. */
  async #followByHand(path: string): Promise<string> {
    let { root: at, names } = split(isAbsolute(path) ? path : `${process.cwd()}${sep}${path}`);
    for (let links = 0; names.length > 0; ) {
      const [name = '', ...rest] = names;
      names = rest;
      if (name === '..') {
        at = dirname(at);
        continue;
      }
      const next = join(at, name);
      const target = links < LINKS_MAX ? await this.#fs.readlink(next).catch(() => undefined) : undefined;
      if (target === undefined) {
        at = next;
        continue;
      }
      links++;
      const led = split(target);
      if (led.root !== '') at = led.root;
      names = [...led.names, ...rest];
    }
    return at;
  }

  async #look(path: string): Promise<BigIntStats | undefined> {
    try {
      // Bigints: an inode number may pass 2⁵³.
      return await this.#fs.lstat(path, { bigint: true });
    } catch {
      return undefined; // whoever opens it says why
    }
  }

  async #keyOf(real: string): Promise<string> {
    const parent = dirname(real);
    if (parent === real) return real;
    let key = this.#keys.get(parent);
    if (!key) {
      key = this.#keyOf(parent);
      this.#keys.set(parent, key);
    }
    const name = basename(real);
    return join(await key, (await this.#foldsCase(parent)) ? fold(name) : name);
  }

  /** Whether names that differ in case alone name one file there: the directory itself is asked. */
  #foldsCase(directory: string): Promise<boolean> {
    let folds = this.#folding.get(directory);
    if (!folds) {
      folds = this.#probeCase(directory);
      this.#folding.set(directory, folds);
    }
    return folds;
  }

  async #probeCase(directory: string): Promise<boolean> {
    const parent = dirname(directory);
    if (parent === directory) return FOLDS_AT_ROOT;
    const name = basename(directory);
    const other = swapCase(name);
    const found = other === name ? undefined : await this.#look(directory);
    if (!found) return this.#foldsCase(parent);
    const twin = await this.#look(join(parent, other));
    return twin !== undefined && twin.dev === found.dev && twin.ino === found.ino;
  }
}

/** A path that lies in a directory, or is it. Both are keys of places. */
export function isWithin(key: string, directory: string): boolean {
  if (!key.startsWith(directory)) return false;
  return key.length === directory.length || directory.endsWith(sep) || key[directory.length] === sep;
}

const fold = (name: string): string => name.normalize('NFC').toLowerCase();

function swapCase(name: string): string {
  const upper = name.toUpperCase();
  return upper === name ? name.toLowerCase() : upper;
}

function split(path: string): { root: string; names: string[] } {
  const { root } = parse(path);
  const names = path.slice(root.length).split(sep === '/' ? '/' : /[\\/]/);
  return { root, names: names.filter((name) => name !== '' && name !== '.') };
}

function kindOf(found: BigIntStats): Place['kind'] {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  return found.isCharacterDevice() ? 'device' : 'other';
}
