import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';

const NAME = fc.constantFrom('a', 'b', 'all.csv', 'x.csv');
const STEP = fc.oneof(
  { weight: 6, arbitrary: NAME },
  { weight: 1, arbitrary: fc.constantFrom('.', '..', '') },
);

/** A path below the tree's root, with detours. */
export const pathInTree = fc.array(STEP, { minLength: 1, maxLength: 4 }).map((steps) => steps.join('/'));

/** How a path is written down. */
export const spelling = fc.constantFrom('absolute', 'relative');

/** Up first and then down: what goes up again from what is missing means one thing or nothing. */
const target = fc
  .tuple(fc.array(fc.constant('..'), { maxLength: 2 }), fc.array(NAME, { minLength: 1, maxLength: 2 }))
  .map(([up, down]) => [...up, ...down].join('/'));

const entry = fc.record({
  kind: fc.constantFrom('folder', 'file', 'link', 'absolute link', 'hard link'),
  at: fc.array(NAME, { minLength: 1, maxLength: 3 }).map((steps) => steps.join('/')),
  to: fc.oneof({ weight: 5, arbitrary: target }, { weight: 1, arbitrary: fc.constantFrom('.', '..') }),
});

export type PlantedEntry = typeof entry extends fc.Arbitrary<infer Value> ? Value : never;

/** Folders, files and links to what may not be there, made in this order where they can be made. */
export const entries = fc.array(entry, { maxLength: 9 });

/** Makes a tree of its own for one run. */
export function plantTree(planted: readonly PlantedEntry[]) {
  const top = mkdtempSync(join(tmpdir(), 'tickloom-tree-'));
  // So deep that no number of `..` leaves it.
  const root = join(top, '1/2/3/4/5');
  mkdirSync(root, { recursive: true });
  for (const { kind, at, to } of planted) {
    const path = join(root, at);
    try {
      mkdirSync(dirname(path), { recursive: true });
      if (kind === 'folder') mkdirSync(path);
      else if (kind === 'file') writeFileSync(path, '', { flag: 'wx' });
      else if (kind === 'hard link') linkSync(join(root, to), path);
      else symlinkSync(kind === 'link' ? to : `${root}/${to}`, path);
    } catch {
      // Taken, or through something that is no folder: the tree does without.
    }
  }
  return {
    root,
    spell: (path: string, how: string): string =>
      how === 'absolute' ? `${root}/${path}` : `${relative(process.cwd(), root)}/${path}`,
    remove: () => rmSync(top, { recursive: true, force: true }),
  };
}
