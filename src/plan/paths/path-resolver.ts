import type { BigIntStats } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, parse, sep } from 'node:path';
import { type FileKind, kindOfFile } from '../../core/file-kind.js';

/** The part of `node:fs/promises` used here. */
export type ResolverFileSystem = Pick<typeof nodeFs, 'lstat' | 'readlink' | 'realpath'>;

/** Where a path leads, whether or not it exists yet. */
export interface ResolvedPath {
  /** Absolute path, with all links followed. */
  readonly real: string;
  /** Equal for any two paths to the same file: `real`, with names folded where the file system ignores case. */
  readonly key: string;
  /** Device and inode, if it exists: a file may have several names through hard links. */
  readonly inode?: string;
  readonly kind: FileKind | 'missing';
}

/** Whether the root ignores case; it has no name with which to probe. */
const FOLDS_AT_ROOT = process.platform === 'win32' || process.platform === 'darwin';

/** The limit of the kernel for following links. */
const LINKS_MAX = 40;

/**
 * Resolves paths like the operating system, but also beyond what exists: a link is followed before the
 * `..` after it, and a dangling link leads to where its file would be.
 *
 * It caches directories, so that thousands of files in one directory cost one system call each. Create a new
 * resolver for each comparison, since the file system changes.
 */
export class PathResolver {
  readonly #fs: ResolverFileSystem;
  readonly #directories = new Map<string, Promise<string>>();
  readonly #keys = new Map<string, Promise<string>>();
  readonly #folding = new Map<string, Promise<boolean>>();

  /** @param fs - Replaced in tests. */
  constructor(fs: ResolverFileSystem = nodeFs) {
    this.#fs = fs;
  }

  async resolve(path: string): Promise<ResolvedPath> {
    const name = basename(path);
    if (name === '' || name === '.' || name === '..') return this.#resolvedAt(await this.#follow(path));
    const real = join(await this.#directory(dirname(path)), name);
    const found = await this.#look(real);
    if (found?.isSymbolicLink()) return this.#resolvedAt(await this.#follow(real));
    return this.#resolved(real, found);
  }

  async #resolvedAt(real: string): Promise<ResolvedPath> {
    return this.#resolved(real, await this.#look(real));
  }

  async #resolved(real: string, found: BigIntStats | undefined): Promise<ResolvedPath> {
    const key = await this.#keyOf(real);
    if (!found) return { real, key, kind: 'missing' };
    return { real, key, inode: `${found.dev}:${found.ino}`, kind: kindOfFile(found) };
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

  /** Resolves a path whose end does not exist, where `realpath` fails. */
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
      // Bigints, since an inode number may exceed 2⁵³.
      return await this.#fs.lstat(path, { bigint: true });
    } catch {
      return undefined; // reported by the stage that opens it
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

  /** Whether a directory ignores case, which is probed with its own name. */
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

/** Whether a path is a directory or is inside it. Both arguments are keys of resolved paths. */
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
