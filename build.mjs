/** Bundles the sources into `dist`. Why, and why like this: docs/decisions/0012. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { build } from 'rolldown';
import { chunksOf } from './.ci/chunks.mjs';

const root = import.meta.dirname;
const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/**
 * Packages that are bundled, each with the place of its ES modules where a bundler for Node would take others. In
 * their 60 to 230 files they take longer to load than all of ours: docs/decisions/0045.
 */
const BUNDLED = { zod: undefined, yaml: 'browser/dist/index.js' };
const packages = Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => !(name in BUNDLED));
const alias = Object.fromEntries(
  Object.entries(BUNDLED).flatMap(([name, path]) => (path ? [[name, `${root}/node_modules/${name}/${path}`]] : [])),
);
const isExternal = (id) =>
  id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`));

/** Entries of threads and processes, which are loaded with `require`. The others are for `import`, too. */
const THREAD_ENTRIES = [
  'workers/pipeline.worker',
  'workers/planning.worker',
  'workers/pipeline.process',
  'workers/process-watch.worker',
];
/** Of the command line, too, there is no ES module: to load one first takes 10 to 20 ms. */
const UNIMPORTED = [...THREAD_ENTRIES, 'src/cli/main'];

/**
 * Of an entry, the ES module with the same exports. A bundler does not follow a `require` that was created, so a
 * service that it was bundled into learns what to do when it starts, and not from an error of the bundler's.
 */
const esmFace = (code, exports) => `import { createRequire } from 'node:module';
const BUNDLED =
  'Expected "tickloom" in node_modules, found it bundled into a file of something else: mark "tickloom" and its sub-paths as external (docs/bundlers.md in the package)';
function load() {
  let required;
  try {
    required = createRequire(import.meta.url);
    required.resolve('${code}');
  } catch (cause) {
    throw new Error(BUNDLED, { cause });
  }
  return required('${code}');
}
const found = load();
if (!('${exports[0]}' in found)) throw new Error(BUNDLED);
export const { ${exports.join(', ')} } = found;
`;

/** Beside each entry, `entry.js` with the same exports, as the package's `type` and its types promise. */
const esmFaces = {
  name: 'esm-faces',
  generateBundle(_options, bundle) {
    for (const { type, isEntry, name, exports } of Object.values(bundle)) {
      if (type !== 'chunk' || !isEntry || UNIMPORTED.includes(name)) continue;
      const source = esmFace(`./${name.split('/').at(-1)}.cjs`, exports);
      this.emitFile({ type: 'asset', fileName: `${name}.js`, source });
    }
  },
};

const input = Object.fromEntries(
  [
    'src/index',
    'src/stages',
    'src/columns/arrow/arrow',
    'src/resilience/rate/rate',
    'src/resilience/breaker/breaker',
    'src/resilience/resilience',
    'src/checkpoints/checkpoints',
    'src/testing/testing',
    'src/providers/network/network',
    'src/cli/main',
    ...THREAD_ENTRIES,
  ].map((name) => [name, `${name}.ts`]),
);

/** What each source loads, as the bundler has read it. */
async function readGraph() {
  const graph = new Map();
  const reader = {
    name: 'read-graph',
    buildEnd() {
      for (const id of this.getModuleIds()) {
        const { code, isEntry, importedIds, dynamicallyImportedIds } = this.getModuleInfo(id);
        if (code === null || !isAbsolute(id)) continue; // the bundler's own
        graph.set(relative(root, id), {
          imports: importedIds.filter((to) => !isExternal(to)).map((to) => relative(root, to)),
          packages: importedIds.filter(isExternal),
          later: dynamicallyImportedIds.filter((to) => !isExternal(to)).map((to) => relative(root, to)),
          bytes: code.length,
          isEntry,
        });
      }
    },
  };
  await build({
    input,
    platform: 'node',
    external: isExternal,
    resolve: { alias },
    plugins: [reader],
    write: false,
  });
  return graph;
}

/** In which file each source belongs, imports before their importers. */
const chunks = chunksOf(
  await readGraph(),
  THREAD_ENTRIES.map((name) => `${name}.ts`),
);
const names = [...new Set(chunks.values())];

/** A source in another file than meant would be loaded by threads that have no use for it. */
const placesKept = {
  name: 'places-kept',
  generateBundle(_options, bundle) {
    for (const { name, moduleIds = [] } of Object.values(bundle)) {
      for (const path of moduleIds.map((id) => relative(root, id))) {
        if (chunks.has(path) && chunks.get(path) !== name) {
          this.error(`${path} belongs in "${chunks.get(path)}", found it in "${name}"`);
        }
      }
    }
  },
};

const { output } = await build({
  input,
  platform: 'node',
  preserveEntrySignatures: 'strict', // or entries would export what chunks want of them
  external: isExternal,
  resolve: { alias },
  plugins: [placesKept, esmFaces],
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
      // A group takes along what its files import, unless a group before it has that: here one always has.
      groups: names.map((name, i) => ({
        name,
        test: (id) => chunks.get(relative(root, id)) === name,
        priority: names.length - i,
      })),
    },
  },
});

// Of a file with one ellipsis in a message, V8 keeps the whole text in two bytes a character: 0.3 MB in each thread.
for (const { type, fileName, code } of output) {
  if (type !== 'chunk' || !/[^\x00-\x7f]/.test(code)) continue;
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  writeFileSync(`dist/${fileName}`, code.replace(/[^\x00-\x7f]/g, escaped));
}

/** What the licences of the bundled packages ask for: that their text goes along. */
const licences = Object.keys(BUNDLED).map((name) => {
  const folder = `node_modules/${name}`;
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  return `${name} ${version}\n\n${readFileSync(`${folder}/LICENSE`, 'utf8').trim()}\n`;
});
writeFileSync(
  'dist/LICENSES-OF-BUNDLED.txt',
  `Parts of these packages are in the files of dist/src/chunks.\n\n${licences.join('\n---\n\n')}`,
);
