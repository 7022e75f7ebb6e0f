/**
 * Which folder of `src` may import which. Run by itself, it checks the sources: `node .ci/layers.mjs`.
 * Cycles of files are for Biome to find.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder imports itself and those of the rows above it, none of its own row. */
const ROWS = [
  ['core'],
  ['calendars'],
  ['settings', 'columns'],
  ['shared-memory'],
  ['resilience'],
  ['wire'],
  ['telemetry'],
  ['expressions', 'outputs'],
  ['engine'],
  ['formats', 'topics', 'databases'],
  ['stages', 'providers'],
  ['registry', 'documents'],
  ['plan'],
  ['checkpoints', 'hosts'],
  ['actor'],
  ['supervision'],
  ['store'],
  ['service'],
  ['runtime'],
  ['cli', 'testing'],
];
/** The thread of a pipeline knows nothing of who watches it. It keeps its own checkpoints. */
const WORKERS_BELOW = 'supervision';
const NOT_FOR_WORKERS = ['hosts', 'documents'];
/** What stages of one kind share. No other folder of a stage is imported by another one. */
const SHARED_BY_STAGES = new Set([
  'stages/sinks/branching',
  'stages/sinks/files',
  'stages/operators/row-operator',
]);
const THREAD_ENTRIES = [
  'workers/pipeline.worker.ts',
  'workers/planning.worker.ts',
  'workers/pipeline.process.ts',
  'workers/process-watch.worker.ts',
];

const RANK = new Map(ROWS.flatMap((row, rank) => row.map((folder) => [folder, rank])));

/** @returns {Map<string, string>} Sources by path. */
export function readSources() {
  const sources = new Map();
  for (const root of ['src', 'workers']) {
    for (const name of readdirSync(root, { recursive: true })) {
      if (name.endsWith('.ts')) sources.set(join(root, name), readFileSync(join(root, name), 'utf8'));
    }
  }
  return sources;
}

/** @param {Map<string, string>} sources  @returns {string[]} What breaks a rule, one line each. */
export function violations(sources) {
  const found = [];
  const imports = new Map([...sources].map(([path, text]) => [path, importsOf(path, text)]));
  for (const [path, list] of imports) {
    for (const { to, isPackage } of list) {
      if (isPackage) continue;
      const problem = refused(path, to);
      if (problem) found.push(`${path}: imports ${to}: ${problem}`);
    }
  }
  for (const entry of THREAD_ENTRIES) {
    const way = wayTo('zod', entry, imports);
    if (way) found.push(`${way.join(' → ')}: Zod would load in every thread; import its types only`);
  }
  return found;
}

function refused(path, to) {
  if (path.startsWith('workers/')) {
    const folder = to.split('/')[1];
    const isAbove = to.startsWith('src/') && !(RANK.get(folder) < RANK.get(WORKERS_BELOW));
    if (NOT_FOR_WORKERS.includes(folder)) return `"${folder}" is for the main thread`;
    return isAbove ? `workers import what stands at or above "${WORKERS_BELOW}"` : undefined;
  }
  if (to.startsWith('workers/')) return 'nothing imports a thread entry';
  if (to === 'src/index.ts') return 'import from the file that defines the thing';
  const folder = path.split('/')[1];
  const other = to.split('/')[1];
  if (path.split('/').length === 2) return undefined; // the public face
  if (!RANK.has(folder)) return `"src/${folder}" has no row in .ci/layers.mjs`;
  if (folder !== other) {
    if (RANK.get(other) < RANK.get(folder)) return undefined;
    return `"${folder}" does not import "${other}"`;
  }
  if (folder !== 'stages') return undefined;
  const [own, its] = [path, to].map((file) => file.split('/').slice(1, 4).join('/'));
  if (own === its || SHARED_BY_STAGES.has(its) || its.endsWith('.ts')) return undefined;
  return 'a stage does not import another stage';
}

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?([^'"();]*?)from\s+'([^']+)'|\bimport\('([^']+)'\)|^\s*import\s+'([^']+)'/gm;

/** Types are erased: they are imports of the code, but nothing is loaded for them. */
function importsOf(path, text) {
  return [...text.matchAll(IMPORT)].map(([, type, names = '', from, dynamic, bare]) => {
    const name = from ?? dynamic ?? bare;
    const isPackage = !name.startsWith('.');
    const inBraces = /\{([^}]*)\}/
      .exec(names)?.[1]
      ?.split(',')
      .map((one) => one.trim());
    const isType =
      type !== undefined || (inBraces?.filter(Boolean).every((one) => one.startsWith('type ')) ?? false);
    const to = isPackage ? name : normalize(join(dirname(path), name)).replace(/\.js$/, '.ts');
    return { to, isPackage, isType, isDynamic: dynamic !== undefined };
  });
}

/** @returns The files on the way from one to a package, by what is loaded; `undefined` if there is none. */
function wayTo(wanted, from, imports) {
  const ways = [[from]];
  const seen = new Set([from]);
  for (const way of ways) {
    const from = way.at(-1);
    for (const { to, isType, isDynamic } of imports.get(from) ?? []) {
      if (isType || seen.has(to) || (isDynamic && (isSchemaOf(to, from) || to === BUDGETS_OF_PROCESSES))) {
        continue;
      }
      if (to === wanted) return [...way, to];
      seen.add(to);
      ways.push([...way, to]);
    }
  }
  return undefined;
}

/** Loaded on demand in a process whose job has budgets: it checks the shares that it is dealt. */
const BUDGETS_OF_PROCESSES = 'src/resilience/remote/remote-resilience.ts';

/** A component loads the schema of its options when specs are checked, which no thread of a pipeline does. */
export const isSchemaOf = (options, component) =>
  component.endsWith('/component.ts') &&
  dirname(component) === dirname(options) &&
  /options\.ts$/.test(options);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = violations(readSources());
  for (const line of found) console.error(line);
  console.log(found.length === 0 ? 'no layer is crossed' : `${found.length} imports cross a layer`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
