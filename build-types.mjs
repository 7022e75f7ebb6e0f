/**
 * Makes the types that tsc wrote into `dist` say what the code there is: CommonJS (`.d.cts`), with a face
 * for `import` (`.d.ts`) beside each entry of the package. Why: docs/decisions/0022. Options get their texts.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { optionTexts, withOptionComments } from './.ci/option-comments.mjs';

const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));
const faces = Object.values(entries).flatMap(({ import: face }) => (face ? [join(face.types)] : []));

const files = readdirSync('dist', { recursive: true })
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => join('dist', name));
const sourceOf = (file) => relative('dist', file).replace(/\.d\.ts$/, '.ts');
const textsOf = await optionTexts(files.map(sourceOf));
for (const file of files) {
  // Imports of our own files: `from './batch.js'`, `import("./batch.js")`, `import './batch.js'`.
  const declared = readFileSync(file, 'utf8').replace(
    /(from |import\(|import )(["'])(\.{1,2}\/[^"']+)\.js\2/g,
    '$1$2$3.cjs$2',
  );
  const text = withOptionComments(declared, textsOf(sourceOf(file)));
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text);
  rmSync(file);
}
for (const face of faces) {
  writeFileSync(face, `export * from './${basename(face).replace(/\.d\.ts$/, '.cjs')}';\n`);
}
