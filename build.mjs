/** Bundles the sources into `dist`. Why, and why like this: docs/decisions/0012. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { build } from 'rolldown';
import { loadedWith } from './.ci/layers.mjs';

const root = import.meta.dirname;
const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const packages = Object.keys({ ...dependencies, ...peerDependencies });
const isExternal = (id) =>
  id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`));

/** Entries of threads, which are loaded with `require`. The others are for `import`, too. */
const THREAD_ENTRIES = ['workers/pipeline.worker', 'workers/planning.worker'];

const threadEntries = THREAD_ENTRIES.map((name) => `${name}.ts`);
const resolvesSpecs = loadedWith([
  'src/plan/resolve-spec.ts',
  'src/hosts/planning-threads.ts',
  'src/registry/guard-factory.ts', // loaded later in every thread, and only for components from outside
]);

/** What threads load, in one file: what their entries import at once, the batcher, and what all stages use. */
const threadCore = loadedWith([...threadEntries, 'src/stages/batchers/smart/smart-batcher.ts']);
const isThreadCore = (id) =>
  (threadCore.has(relative(root, id)) && id.includes('/src/')) || /\/src\/(core|columns)\/[^/]+\.ts$/.test(id);

/** What a thread may load later on, and the main thread needs to check specs: not in one file with Zod. */
const threadLater = loadedWith(threadEntries, { later: true });
const isShared = (id) => threadLater.has(relative(root, id)) && resolvesSpecs.has(relative(root, id));

/** Beside each entry, `entry.js` with the same exports, as the package's `type` and its types promise. */
const esmFaces = {
  name: 'esm-faces',
  generateBundle(_options, bundle) {
    for (const { type, isEntry, name, exports } of Object.values(bundle)) {
      if (type !== 'chunk' || !isEntry || THREAD_ENTRIES.includes(name)) continue;
      const code = `./${name.split('/').at(-1)}.cjs`;
      const source =
        exports.length > 0
          ? `export { ${exports.join(', ')} } from '${code}';\n`
          : `#!/usr/bin/env node\nimport '${code}';\n`;
      this.emitFile({ type: 'asset', fileName: `${name}.js`, source });
    }
  },
};

await build({
  input: {
    'src/index': 'src/index.ts',
    'src/stages': 'src/stages.ts',
    'src/columns/arrow/arrow': 'src/columns/arrow/arrow.ts',
    'src/resilience/rate/rate': 'src/resilience/rate/rate.ts',
    'src/resilience/breaker/breaker': 'src/resilience/breaker/breaker.ts',
    'src/resilience/resilience': 'src/resilience/resilience.ts',
    'src/checkpoints/checkpoints': 'src/checkpoints/checkpoints.ts',
    'src/cli/main': 'src/cli/main.ts',
    ...Object.fromEntries(THREAD_ENTRIES.map((name) => [name, `${name}.ts`])),
  },
  platform: 'node',
  preserveEntrySignatures: 'strict', // or entries would export what chunks want of them
  external: isExternal,
  plugins: [esmFaces],
  output: {
    dir: 'dist',
    format: 'cjs',
    exports: 'named',
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: '[name].cjs',
    // As deep as a folder of the sources: the runtime finds the thread's entry from where it is.
    chunkFileNames: 'src/chunks/[name].cjs',
    codeSplitting: {
      groups: [
        // Before all others: a group takes along what its files import. One with Zod in it would take
        // a file of the core, and each thread that wants the file would load Zod.
        { name: 'core', test: isThreadCore, priority: 4 },
        { name: 'shared', test: isShared, priority: 3 },
        // What a sub-path of its own needs of the settings, so that it does not load those of pipelines.
        { name: 'options', test: /\/src\/(settings\/schema-problems|resilience\/breaker\/breaker-options)\./, priority: 3 },
        { name: 'expressions', test: /\/src\/(expressions|stages\/operators\/(derive|filter|select))\/(?!options|component)/, priority: 2 },
        {
          name: 'settings',
          test: /\/src\/(settings|registry|plan)\/|options\.ts$|settings\.ts$/,
          priority: 1,
        },
        // Without the supervisor, for the command line.
        { name: 'planning-threads', test: /\/src\/hosts\/(planning-|thread-entry|heap-limits)/, priority: 1 },
        { name: 'runtime', test: /\/src\/(runtime|supervision|hosts)\// },
      ],
    },
  },
});
