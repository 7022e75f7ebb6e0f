/**
 * Which file of the bundle each source goes to, by who loads it: docs/decisions/0035. Components are those
 * that `src/registry/built-in.ts` lists, so that a new one needs no change here or in `build.mjs`.
 */
import { basename, dirname } from 'node:path';
import { isSchemaOf } from './layers.mjs';

const BUILT_IN = 'src/registry/built-in.ts';
/** What the thread of a pipeline loads before all else: it says how the rest is compiled. */
const FIRST = 'src/shared-memory/use-shared-code.ts';
/** What is compiled in each thread: what has an `import()` shares no code. */
const IMPORTS = 'src/core/import-later.ts';
/** The batcher of each spec that names none. */
const DEFAULT_BATCHER = 'src/stages/batchers/smart/component.ts';

/**
 * What the main thread loads and no thread of a pipeline does, in steps: each takes what it loads at once and
 * no step before it has. What the command line needs to read its arguments comes first, then the schemas of
 * options, with those of what has a sub-path of its own.
 */
const MAIN_THREAD = [
  { name: 'durations', roots: ['src/core/duration-text.ts'] },
  { name: 'options', roots: ['src/resilience/breakers-settings.ts', 'src/resilience/rate/rate-settings.ts'] },
  {
    name: 'checks',
    roots: ['src/plan/resolve-spec.ts', 'src/plan/load-catalogue.ts', 'src/settings/runtime-settings.ts'],
  },
  { name: 'runtime', roots: ['src/runtime/runtime.ts'] },
];

/** Less source than this loads faster as a part of a file that is loaded anyway than as a file of its own. */
const FEW_BYTES = 5_000;

/**
 * @typedef {object} Source
 * @property {readonly string[]} imports - The sources that are loaded at once with it.
 * @property {readonly string[]} packages - The packages and modules of Node that are.
 * @property {readonly string[]} later - What it loads later on, by `import()`.
 * @property {number} bytes
 * @property {boolean} isEntry
 */

/**
 * @param {ReadonlyMap<string, Source>} graph - By path.
 * @param {readonly string[]} threads - The entries of threads. What the first of them loads, all jobs need.
 * @returns {Map<string, string>} Names of files by path. What is not in it goes where its importers are.
 */
export function chunksOf(graph, threads) {
  const components = componentsOf(graph);
  const options = new Set(components.flatMap((component) => component.options));
  const names = new Map(components.flatMap(({ name, loads }) => loads.map((path) => [path, name])));
  const isOfOne = (path) => components.some((component) => path.startsWith(`${dirname(component.path)}/`));
  const chunks = new Map();
  const give = (paths, name) => {
    for (const path of paths) if (!chunks.has(path)) chunks.set(path, name);
  };

  const { loads: batcher } = components.find(({ path }) => path === DEFAULT_BATCHER);
  give(loadedWith(graph, [FIRST]), 'shared-code');
  give([IMPORTS], 'import-later');
  give(loadedWith(graph, [threads[0], ...batcher]), 'core');
  for (const { loaders, paths } of byLoaders(graph, threads, options)) {
    const isOnlyOfEntry = loaders.length === 1 && graph.get(loaders[0]).isEntry;
    if (isOnlyOfEntry) continue;
    const name = loaders.map((path) => names.get(path) ?? basename(path).split('.')[0]).sort();
    // What a provider shares with gates and the network is of no use to threads without one.
    const isStage = (path) => names.has(path) && path.startsWith('src/stages/');
    const mayJoin = loaders.length > 1 && loaders.some(isStage) && !paths.some(isOfOne);
    const home = mayJoin && isSmall(graph, paths) ? homeOf(graph, paths, chunks) : undefined;
    give(paths, home ?? name.join('-'));
  }
  for (const { name, roots } of MAIN_THREAD) {
    give(loadedWith(graph, name === 'options' ? [...options, ...roots] : roots), name);
  }
  // An entry stays alone: it would run in each thread that loads the file.
  for (const path of chunks.keys()) if (graph.get(path).isEntry) chunks.delete(path);
  return chunks;
}

/** The components that come with the package, and what each loads later on. */
function componentsOf(graph) {
  const paths = graph.get(BUILT_IN).imports.filter((path) => basename(path) === 'component.ts');
  const folders = paths.map((path) => basename(dirname(path)));
  const taken = ['core', ...MAIN_THREAD.map(({ name }) => name), ...folders];
  return paths.map((path, i) => {
    const isUnique = taken.filter((name) => name === folders[i]).length === 1;
    const { later } = graph.get(path);
    return {
      path,
      name: isUnique ? folders[i] : `${folders[i]}-${basename(dirname(dirname(path)))}`,
      options: later.filter((to) => isSchemaOf(to, path)),
      loads: later.filter((to) => !isSchemaOf(to, path)),
    };
  });
}

/**
 * What threads load, together if the same ones load it. What more of them load comes first: all that a source
 * imports comes before it. A loader is a component, whatever else is loaded later on, and an entry.
 */
function byLoaders(graph, threads, options) {
  const loaded = new Map();
  const loaders = new Set(threads);
  for (const loader of loaders) {
    loaded.set(loader, loadedWith(graph, [loader]));
    for (const path of loaded.get(loader)) {
      for (const to of graph.get(path).later) if (!options.has(to)) loaders.add(to);
    }
  }
  const paths = new Set([...loaded.values()].flatMap((each) => [...each]));
  for (const [path, { isEntry }] of graph) if (isEntry) loaded.set(path, loadedWith(graph, [path]));
  const groups = new Map();
  for (const path of paths) {
    const loaders = [...loaded.keys()].filter((loader) => loaded.get(loader).has(path)).sort();
    const group = groups.get(loaders.join()) ?? { loaders, paths: [] };
    group.paths.push(path);
    groups.set(loaders.join(), group);
  }
  return [...groups.values()].sort((a, b) => b.loaders.length - a.loaders.length);
}

const isSmall = (graph, paths) => paths.reduce((bytes, path) => bytes + graph.get(path).bytes, 0) < FEW_BYTES;

/** The file that these can be a part of, so that whoever loads it loads nothing else for them. */
function homeOf(graph, paths, chunks) {
  const sources = paths.map((path) => graph.get(path));
  const imports = sources.flatMap((source) => source.imports).filter((path) => !paths.includes(path));
  const files = new Set(['core', ...imports.map((path) => chunks.get(path))]);
  if (files.size > 2) return undefined;
  const packages = new Set(
    [...chunks].flatMap(([path, file]) => (files.has(file) ? graph.get(path).packages : [])),
  );
  const isAllLoaded = sources.every((source) => source.packages.every((name) => packages.has(name)));
  return isAllLoaded ? [...files].at(-1) : undefined;
}

/** What is loaded at once with these, themselves included. */
function loadedWith(graph, paths) {
  const loaded = new Set(paths);
  for (const path of loaded) for (const to of graph.get(path).imports) loaded.add(to);
  return loaded;
}
