import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, PathResolver, type ResolverFileSystem } from '../../../src/plan/paths/path-resolver.js';
import { entries, pathInTree, plantTree, spelling } from './random-tree.js';

describe('where a path leads', () => {
  it('is the one that the operating system opens, be something there or not', async () => {
    let there = 0;
    let missing = 0;
    await fc.assert(
      fc.asyncProperty(entries, pathInTree, spelling, async (planted, path, how) => {
        const tree = plantTree(planted);
        try {
          const spelled = tree.spell(path, how);
          const { real, key, inode, kind } = await new PathResolver().resolve(spelled);
          const wasThere = existsSync(spelled);
          // `none/../a` is nowhere before `none` is made, though `a` is there.
          const endWasThere = existsSync(real);
          if (!wasThere && !made(spelled)) return;
          expect(real).toBe(realpathSync.native(spelled));
          expect(key).toBe(real);
          const { dev, ino } = statSync(spelled, { bigint: true });
          if (wasThere) expect(inode).toBe(`${dev}:${ino}`);
          else expect(kind === 'missing').toBe(!endWasThere);
          if (wasThere) there++;
          else missing++;
        } finally {
          tree.remove();
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(there, missing)).toBeGreaterThan(20);
  });

  it('is found for links in a circle, which lead nowhere', async () => {
    const tree = plantTree([
      { kind: 'link', at: 'a', to: 'b' },
      { kind: 'link', at: 'b', to: 'a' },
    ]);
    expect((await new PathResolver().resolve(join(tree.root, 'a', 'x.csv'))).real).toContain(tree.root);
    tree.remove();
  });

  it('has one key for names that differ in case where the file system ignores case', async () => {
    const resolver = new PathResolver(caseless('/data/Out'));
    const keys = ['/data/Out/All.csv', '/data/out/all.csv', '/data/OUT/new/../ALL.CSV'].map(
      async (path) => (await resolver.resolve(path)).key,
    );
    expect(new Set(await Promise.all(keys)).size).toBe(1);
    const exact = new PathResolver();
    const folder = process.cwd();
    const [lower, upper] = await Promise.all(
      ['new.csv', 'NEW.csv'].map((name) => exact.resolve(join(folder, name))),
    );
    expect(lower!.key === upper!.key).toBe(existsSync(folder.toUpperCase()));
  });

  it('lies in the directories above it and in no other', () => {
    expect(isWithin('/out/a', '/out')).toBe(true);
    expect(isWithin('/out', '/out')).toBe(true);
    expect(isWithin('/outer', '/out')).toBe(false);
    expect(isWithin('/out', '/')).toBe(true);
  });
});

/** Makes a file of that path, as a sink would: what links lead to, folders included. */
function made(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    return true;
  } catch {
    return false;
  }
}

/** One with a single directory, whose names mean the same in upper and lower case. */
function caseless(directory: string): ResolverFileSystem {
  const has = (path: string) =>
    `${directory}/`.toLowerCase().startsWith(`${path}/`.toLowerCase().replace('//', '/'));
  const missing = () => Object.assign(new Error('missing'), { code: 'ENOENT' });
  const lstat = async (path: string) => {
    if (!has(path)) throw missing();
    return nodeFs
      .lstat('/', { bigint: true })
      .then((found) => Object.assign(found, { ino: BigInt(path.length) }));
  };
  const readlink = async () => {
    throw missing();
  };
  const realpath = async (path: string) => {
    if (!has(path)) throw missing();
    return path;
  };
  // The three members as they are called here.
  return { lstat, readlink, realpath } as unknown as ResolverFileSystem;
}
