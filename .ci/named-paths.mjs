/**
 * Finds files of the repository that a page names and that are not there: `node .ci/named-paths.mjs`.
 * Decisions and the changelog tell of their own time, so they are left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const NAMED = /`((?:src|workers|test|bench|examples|docs|\.ci)\/[\w./-]*)`/g;
/** Files of `dist`, which is there only once it is built. */
const IN_BUILD = /\.c?js$/;
const pages = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))].filter((page) =>
  page.endsWith('.md'),
);

const missing = pages.flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(NAMED)]
    .map(([, path]) => path)
    .filter((path) => !IN_BUILD.test(path) && !existsSync(path))
    .map((path) => `${page}: "${path}" is not there`),
);
for (const line of missing) console.error(line);
console.log(missing.length === 0 ? 'all files that pages name are there' : `${missing.length} files are not`);
process.exitCode = missing.length === 0 ? 0 : 1;
