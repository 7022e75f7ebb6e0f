import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { findModule } from '../../../src/plan/user-code/find-module.js';
import { ModuleFolders } from '../../../src/plan/user-code/module-folders.js';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'tickloom-find-')));
afterAll(() => rmSync(root, { recursive: true }));

function file(name: string, text = ''): string {
  const path = join(root, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function inFolder(folder: string): void {
  const home = process.cwd();
  process.chdir(folder);
  onTestFinished(() => process.chdir(home));
}

const INSIDE = file('inside/operator.mjs');
const OUTSIDE = file('outside/operator.mjs');
file('inside-not/operator.mjs');

describe('a module', () => {
  it.each([
    ['an absolute path', INSIDE],
    ['a path from the working directory', `./${relative(process.cwd(), INSIDE)}`],
    ['a bare path', relative(process.cwd(), INSIDE)],
    ['a file URL', pathToFileURL(INSIDE).href],
    ['a path with detours', `${join(root, 'outside')}/../inside/./operator.mjs`],
  ])('is found by %s', async (_, path) => {
    expect(await findModule(path)).toBe(INSIDE);
  });

  it('is found where a link leads', async () => {
    symlinkSync(INSIDE, join(root, 'link.mjs'));
    expect(await findModule(join(root, 'link.mjs'))).toBe(INSIDE);
  });

  it.each([
    ['is not there', './no/such/operator.mjs', 'expected a file at ".*", found none'],
    ['is a directory', root, 'expected a file at ".*", found a directory'],
    ['is no package', 'no-such-package', 'found no file of that path .* and no installed package'],
    ['is on another machine', 'file://host/operator.mjs', 'expected the URL of a file on this machine'],
    ['is loaded over a network', 'https://example.com/operator.mjs', 'no installed package of that name'],
    ['is text', 'data:text/javascript,1', 'no installed package of that name'],
    ['is part of Node', 'node:fs', 'no installed package of that name'],
  ])('that %s is refused', async (_, path, message) => {
    await expect(findModule(path)).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringMatching(new RegExp(`^module ".*": .*${message}`)),
    });
  });

  it('in TypeScript is found where Node loads it, and refused with what to do where it does not', async () => {
    const path = file('typed.ts', 'export const a: number = 1;');
    const features = process.features as { typescript?: string | false };
    const own = Object.getOwnPropertyDescriptor(features, 'typescript');
    const set = (typescript: string | false) =>
      Object.defineProperty(features, 'typescript', { value: typescript, configurable: true });
    onTestFinished(() => {
      Object.defineProperty(features, 'typescript', own ?? { value: undefined, configurable: true });
    });
    set('strip');
    expect(await findModule(path)).toBe(path);
    set(false);
    await expect(findModule(path)).rejects.toThrow(
      /it is TypeScript, which Node v\S+ does not load: compile it .* or run Node 22\.18, 23\.6 or later/,
    );
  });
});

describe('a package as a module', () => {
  const own = (exports: object) => JSON.stringify({ name: 'pack', type: 'module', ...exports });

  it.each([
    ['for all', { exports: './index.js' }, 'pack', 'index.js'],
    ['for import alone', { exports: { import: './index.js' } }, 'pack', 'index.js'],
    [
      'under a name, for import alone',
      { exports: { './b': { node: { import: './b.js' } } } },
      'pack/b',
      'b.js',
    ],
    ['in a scope', { exports: { '.': { import: ['./index.js'] } } }, '@desk/pack', 'index.js'],
  ])('is found that exports %s', async (_, exports, name, entry) => {
    const home = join(root, `home-${name.replaceAll('/', '-')}-${entry}`);
    const folder = name.startsWith('@') ? name : 'pack';
    file(relative(root, join(home, 'node_modules', folder, 'package.json')), own(exports));
    const at = file(relative(root, join(home, 'node_modules', folder, entry)));
    inFolder(home);
    expect(await findModule(name)).toBe(at);
  });

  it('that exports something else is refused with its folder', async () => {
    const home = join(root, 'other');
    file('other/node_modules/pack/package.json', own({ exports: { './b': { import: './b.js' } } }));
    inFolder(home);
    await expect(findModule('pack')).rejects.toThrow('other/node_modules/pack" exports no "." for import');
  });
});

describe('folders of modules', () => {
  const folders = new ModuleFolders([join(root, 'inside')]);

  it('take what is in them, at any depth', async () => {
    const deep = file('inside/a/b/deep.mjs');
    expect(await folders.find(deep)).toBe(deep);
    expect(await folders.find(INSIDE)).toBe(INSIDE);
  });

  it.each([
    ['an absolute path', OUTSIDE],
    ['"..", whatever stands before it', `${join(root, 'inside')}/../outside/operator.mjs`],
    ['a file URL', pathToFileURL(OUTSIDE).href],
    ['an escaped file URL', `${pathToFileURL(join(root, 'inside')).href}/%2e%2e/outside/operator.mjs`],
    ['a folder whose name only begins alike', join(root, 'inside-not', 'operator.mjs')],
  ])('refuse what is outside of them, reached by %s', async (_, path) => {
    await expect(folders.find(path)).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringMatching(
        /expected a file in ".*inside", found ".*": move it there, or name its folder/,
      ),
    });
  });

  it('refuse a link in them that leads out, of a file or of a folder', async () => {
    symlinkSync(OUTSIDE, join(root, 'inside', 'way-out.mjs'));
    symlinkSync(join(root, 'outside'), join(root, 'inside', 'door'));
    for (const path of ['way-out.mjs', 'door/operator.mjs']) {
      await expect(folders.find(join(root, 'inside', path))).rejects.toThrow(`found "${OUTSIDE}"`);
    }
  });

  it('may be links themselves', async () => {
    symlinkSync(join(root, 'inside'), join(root, 'front'));
    expect(await new ModuleFolders([join(root, 'front')]).find(INSIDE)).toBe(INSIDE);
  });

  it('are of the working directory of when they were named', async () => {
    inFolder(join(root, 'outside'));
    const here = new ModuleFolders(['.']);
    process.chdir(root);
    expect(await here.find(OUTSIDE)).toBe(OUTSIDE);
    await expect(here.find(INSIDE)).rejects.toThrow('expected a file in');
  });

  it('refuse all modules where there are none, those that are not there included', async () => {
    const none = new ModuleFolders([]);
    for (const path of [INSIDE, './none.mjs', 'vitest']) {
      await expect(none.find(path)).rejects.toThrow('modules are not allowed here: "moduleFolders"');
    }
  });

  it('say which of them are not there', async () => {
    const lost = new ModuleFolders([join(root, 'inside'), join(root, 'nowhere')]);
    await expect(lost.find(OUTSIDE)).rejects.toThrow(/inside" or ".*nowhere" \(not there\), found/);
  });
});
