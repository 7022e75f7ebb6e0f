/**
 * Writes the list of the built-in components and providers from the folders that there are: `node .ci/built-in.mjs`.
 * With `--check` it only says whether the list is up to date; with `--print` it writes it out.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TARGET = 'src/registry/built-in.ts';
/** As a spec names them, from its source to its sink. */
const KINDS = ['sources', 'operators', 'batchers', 'sinks'];

const components = KINDS.flatMap((kind) =>
  readdirSync(join('src/stages', kind))
    .sort()
    .filter((name) => existsSync(join('src/stages', kind, name, 'component.ts')))
    .map((name) => ({ path: `../stages/${kind}/${name}/component.js`, variable: variableOf(kind, name) })),
);

/** A folder of `src/providers` may have several: the default export of its `component.ts` is a list. */
const providers = readdirSync('src/providers')
  .sort()
  .filter((name) => existsSync(join('src/providers', name, 'component.ts')))
  .map((name) => ({
    path: `../providers/${name}/component.js`,
    variable: `${variableOf('providers', name)}s`,
  }));

function variableOf(kind, name) {
  const words = `${name}-${kind.slice(0, -1)}`.split('-');
  return words.map((word, i) => (i === 0 ? word : word[0].toUpperCase() + word.slice(1))).join('');
}

const text = `// Written by .ci/built-in.mjs from the folders of src/stages and src/providers: do not edit.
${[...components, ...providers]
  .map(({ path, variable }) => `import ${variable} from '${path}';`)
  .sort(byPath)
  .join('\n')}
import { Registry } from './registry.js';

/** The components and providers that come with the package. */
export const BUILT_IN = [
${components.map(({ variable }) => `  ${variable},`).join('\n')}
${providers.map(({ variable }) => `  ...${variable},`).join('\n')}
] as const;

/** The registry of these. */
export const builtIn = new Registry(BUILT_IN);
`;

function byPath(a, b) {
  const [left, right] = [a, b].map((line) => line.split("'")[1]);
  return left < right ? -1 : 1;
}

const isCurrent = existsSync(TARGET) && readFileSync(TARGET, 'utf8') === text;
if (process.argv.includes('--print')) {
  process.stdout.write(text);
} else if (process.argv.includes('--check')) {
  if (!isCurrent)
    console.error(
      `${TARGET} does not list the folders of src/stages and src/providers: run node .ci/built-in.mjs`,
    );
  process.exitCode = isCurrent ? 0 : 1;
} else if (!isCurrent) {
  writeFileSync(TARGET, text);
  console.log(`${TARGET}: ${components.length} components`);
}
