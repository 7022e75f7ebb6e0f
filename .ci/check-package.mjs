// Installs the packed package into an empty folder as a user would, and uses it from there:
// the CLI runs, every export imports, and the optional peer is asked for only on use.
// node .ci/check-package.mjs FOLDER TARBALL
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const { version, exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Runs in the user's folder, and gives what was printed. */
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

function expect(holds, what) {
  if (!holds) throw new Error(`expected ${what}`);
  console.log(`ok: ${what}`);
}

const tarball = resolve(process.argv[3]);
writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
run('npm', 'install', tarball);

const packages = readdirSync(join(folder, 'node_modules'));
expect(!packages.includes('apache-arrow'), 'the optional peer to be left out');
expect(run('npx', '--no', '--', 'tickloom', '--version').trim() === version, `--version to say ${version}`);

writeFileSync(
  join(folder, 'spec.yaml'),
  `name: packed
source: { use: synthetic, rows: 10000 }
operators:
  - { use: derive, columns: { mid: "(bid + ask) / 2" } }
  - { use: bars, every: 1s, price: mid }
sink: { use: parquet, path: out }
`,
);
const { jobs } = JSON.parse(run('npx', '--no', '--', 'tickloom', 'run', 'spec.yaml', '--json'));
expect(jobs.length === 1 && jobs[0].outcome === 'completed', 'the CLI to run a spec');
expect(jobs[0].rowsIn === 10_000 && jobs[0].rowsOut > 0, 'the rows to be counted');
const parts = readdirSync(join(folder, 'out'), { recursive: true });
expect(
  parts.some((name) => name.endsWith('.parquet')),
  'a Parquet file',
);

// Editors show the declarations: the text of each option must be in them.
const catalogue = readFileSync(
  join(folder, 'node_modules/tickloom/dist/src/registry/built-in.d.cts'),
  'utf8',
);
const { components } = JSON.parse(run('npx', '--no', '--', 'tickloom', 'components', '--json'));
// What every provider has is declared once, with comments of its own.
const ofEveryProvider = readFileSync(
  join(folder, 'node_modules/tickloom/dist/src/providers/contract/own-options.d.cts'),
  'utf8',
);
const untold = components
  .flatMap(({ options, provider }) =>
    Object.entries(options.properties).filter(
      ([name]) => !provider || !new RegExp(`readonly ${name}\\??:`).test(ofEveryProvider),
    ),
  )
  .filter(([, { description }]) => !catalogue.includes(`/** ${description} */`));
expect(components.length > 0 && untold.length === 0, 'the declarations to have the texts of all options');

// A component of a user's, who has nothing but the package.
writeFileSync(
  join(folder, 'component.mjs'),
  `import { defineComponent, defineRowOperator } from 'tickloom/stages';
export default defineComponent({
  kind: 'operator',
  name: 'first-rows',
  summary: 'Lets the first rows through.',
  options: async () => (await import('zod')).z.strictObject({ rows: (await import('zod')).z.int().min(1) }),
  load: async () =>
    defineRowOperator({
      state: () => ({ seen: 0 }),
      onRow: (row, { state, options }) => ++state.seen <= options.rows,
    }),
});
`,
);
writeFileSync(
  join(folder, 'own.yaml'),
  `name: own
source: { use: synthetic, rows: 10 }
operators: [{ use: first-rows, rows: 3 }]
sink: { use: "null" }
`,
);
const own = run(
  'npx',
  '--no',
  '--',
  'tickloom',
  'run',
  'own.yaml',
  '--components',
  './component.mjs',
  '--json',
);
expect(JSON.parse(own).jobs[0].rowsOut === 3, 'a component from outside of the package to run');

const names = Object.keys(entries)
  .map((entry) => entry.replace(/^\./, 'tickloom'))
  .filter((name) => !name.endsWith('.json'));
writeFileSync(
  join(folder, 'imports.mjs'),
  `for (const name of ${JSON.stringify(names)}) {
    const exported = Object.keys(await import(name));
    if (exported.length === 0) throw new Error(name + ' exports nothing');
    console.log(name, exported.join(' '));
  }
  const { toArrow } = await import('tickloom/arrow');
  const error = await toArrow(undefined).catch((error) => error);
  console.log(error.code);`,
);
const printed = run('node', 'imports.mjs');
console.log(printed);
expect(printed.trim().endsWith('PEER_MISSING'), 'Arrow without its peer to say PEER_MISSING');
expect(run('node', '-p', 'require("tickloom/package.json").version').trim() === version, 'package.json');

// A TypeScript project of either kind, with `skipLibCheck` off: types resolve, and say what runs.
const repository = process.cwd();
const consumer = `import { Batch, createPipeline, InvalidSpecError, type PipelineSpec, rowsOf } from 'tickloom';
  import { createBreaker } from 'tickloom/breaker';
  import { MemoryCheckpointStore } from 'tickloom/checkpoints';
  import { RateCoordinator } from 'tickloom/rate';
  import { Batch as SameBatch, callbackSink } from 'tickloom/stages';

  const spec: PipelineSpec = { name: 'typed', source: { use: 'synthetic', rows: 10 }, sink: { use: 'null' } };
  const wrong = { ...spec, source: { use: 'synthetc' as 'synthetic' } };
  let rows = 0;
  const sink = callbackSink((batch) => {
    for (const row of rowsOf(batch)) if (row.bid !== null) rows++;
  });
  const breaker = createBreaker({ name: 'http', timeoutMs: 2_000 });
  const guarded = (url: string, signal?: AbortSignal): Promise<Response> =>
    breaker.execute((own) => fetch(url, { signal: own }), { signal });
  async function main(): Promise<void> {
    await createPipeline(spec, { sink, store: new MemoryCheckpointStore() }).run();
    const error: unknown = await createPipeline(wrong).run().catch((error: unknown) => error);
    const same: boolean = Batch === SameBatch && error instanceof InvalidSpecError;
    console.log(rows, same, typeof guarded, typeof RateCoordinator);
  }
  void main();
`;
for (const type of ['commonjs', 'module']) {
  const project = join(folder, type);
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }));
  writeFileSync(join(project, 'main.ts'), consumer);
  const compilerOptions = {
    module: 'node16',
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    outDir: 'built',
    rootDir: '.',
    typeRoots: [join(repository, 'node_modules', '@types')],
    types: ['node'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  const files = run(join(repository, 'node_modules', '.bin', 'tsc'), '-p', project, '--listFiles');
  expect(!files.includes('/node_modules/xstate/'), `the types for ${type} not to need those of XState`);
  const output = run('node', join(project, 'built', 'main.js')).trim();
  expect(
    output === '10 true function function',
    `a project of type ${type} to compile and run, found ${output}`,
  );
}
