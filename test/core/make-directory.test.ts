import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import * as realFs from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type DirectoryMaker, makeDirectory } from '../../src/core/make-directory.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const failure = (code: string) => Object.assign(new Error(`${code}: injected`), { code });

/** A disk whose `mkdir` answers as told, by path; what was asked for is in `asked`. */
function diskOf(answer: (path: string) => void | Promise<void>, directories: readonly string[]) {
  const asked: string[] = [];
  const fs = {
    mkdir: async (path: string) => {
      asked.push(path);
      await answer(path);
    },
    stat: async (path: string) => {
      if (!directories.includes(path)) throw failure('ENOENT');
      return { isDirectory: () => true };
    },
  } as unknown as DirectoryMaker;
  return { fs, asked };
}

describe('making a directory', () => {
  it('makes those around it, too, and takes what is there already', async () => {
    const deep = join(SCRATCH.folder, 'a', 'b', 'c');
    await makeDirectory(realFs, deep);
    await makeDirectory(realFs, deep);
    expect(statSync(deep).isDirectory()).toBe(true);
  });

  it('goes through a link to a directory', async () => {
    mkdirSync(join(SCRATCH.folder, 'target'));
    symlinkSync(join(SCRATCH.folder, 'target'), join(SCRATCH.folder, 'link'));
    await makeDirectory(realFs, join(SCRATCH.folder, 'link'));
    await makeDirectory(realFs, join(SCRATCH.folder, 'link', 'within'));
    expect(existsSync(join(SCRATCH.folder, 'target', 'within'))).toBe(true);
  });

  it('fails where a directory that is there answers every new name with ENOENT', async () => {
    const { fs, asked } = diskOf(
      (path) => {
        throw failure(path === '/odd' ? 'EEXIST' : 'ENOENT');
      },
      ['/', '/odd'],
    );
    await expect(makeDirectory(fs, '/odd/x/y')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message:
        'Cannot create the directory "/odd/x/y": no directory can be made there; choose another path (ENOENT)',
    });
    expect(asked).toEqual(['/odd/x/y', '/odd/x', '/odd', '/odd/x']);
  });

  it.runIf(existsSync('/proc/self'))('fails under /proc', async () => {
    await expect(makeDirectory(realFs, '/proc/x/out')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('"/proc/x/out": no directory can be made there'),
    });
  });

  it('takes one that another run has made in between', async () => {
    const made = ['/'];
    const { fs } = diskOf((path) => {
      if (path === '/a/b' && made.includes('/a')) {
        made.push('/a/b');
        throw failure('EEXIST');
      }
      if (path === '/a/b') throw failure('ENOENT');
      made.push(path);
    }, made);
    await makeDirectory(fs, '/a/b');
    expect(made).toEqual(['/', '/a', '/a/b']);
  });

  it('takes one that is there on a disk that may not be written', async () => {
    const { fs } = diskOf(() => {
      throw failure('EROFS');
    }, ['/mounted']);
    await makeDirectory(fs, '/mounted');
    await expect(makeDirectory(fs, '/mounted/out')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('the file system is read-only'),
    });
  });

  it('says that a file is in the way', async () => {
    const file = SCRATCH.write('file', '');
    await expect(makeDirectory(realFs, file)).rejects.toMatchObject({
      message: expect.stringContaining('there is a file of this name, expected a directory'),
    });
    await expect(makeDirectory(realFs, join(file, 'within'))).rejects.toMatchObject({
      message: expect.stringContaining('a part of the path is a file'),
    });
  });
});
