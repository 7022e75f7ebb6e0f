// Packs the sample provider package, and uses it with the packed one of ours as others would: its own tests with the
// checks of the contract, its types, and an empty project that has both installed and registers nothing.
// node .ci/check-provider-package.mjs FOLDER TARBALL
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { API_KEY, startVenue } from '../examples/provider-package/test/server.js';

/** Far more than a busy machine needs. */
const ROWS_MS_MAX = 60_000;
const COMMAND_MS_MAX = 600_000;

const repository = process.cwd();
const sample = join(repository, 'examples/provider-package');
const folder = resolve(process.argv[2]);

function expect(holds, what) {
  if (!holds) throw new Error(`expected ${what}`);
  console.log(`ok: ${what}`);
}

const npm = (cwd, ...args) =>
  execFileSync('npm', args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: COMMAND_MS_MAX,
  });

/** Not synchronously: the venue is in this process. */
async function run(cwd, command, ...args) {
  try {
    return (await promisify(execFile)(command, args, { cwd, encoding: 'utf8', timeout: COMMAND_MS_MAX }))
      .stdout;
  } catch (error) {
    console.error(error.stdout, error.stderr);
    throw error;
  }
}

for (const name of ['packed', 'author', 'project']) mkdirSync(join(folder, name), { recursive: true });
const packed = join(folder, 'packed');
npm(sample, 'pack', '--pack-destination', packed);
const ours = resolve(process.argv[3]);
const theirs = join(packed, readdirSync(packed)[0]);

// The author of the package: its tests run the checks, and its code is typed.
const author = join(folder, 'author');
cpSync(sample, author, { recursive: true });
npm(author, 'install', '--no-save', '--no-audit', '--no-fund', ours);
await run(author, 'npm', 'test');
console.log('ok: the checks of the contract pass in the tests of the package');
const compilerOptions = {
  ...{
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    strict: true,
    noEmit: true,
  },
  ...{ allowJs: true, checkJs: true, skipLibCheck: true, types: ['node'] },
  typeRoots: [join(repository, 'node_modules', '@types')],
};
writeFileSync(
  join(author, 'tsconfig.json'),
  JSON.stringify({ compilerOptions, include: ['*.js', 'test/*.js'] }),
);
await run(author, join(repository, 'node_modules', '.bin', 'tsc'), '-p', '.');
console.log('ok: the package is typed');
rmSync(author, { recursive: true });

// A user of it: two packages installed, and a spec.
const project = join(folder, 'project');
writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
npm(project, 'install', '--no-audit', '--no-fund', ours, theirs);
cpSync(join(sample, 'spec.yaml'), join(project, 'spec.yaml'));
const tickloom = (...args) => run(project, 'npx', '--no', '--', 'tickloom', ...args);

const listed = await tickloom('components', 'providers');
expect(
  listed.includes('  from package tickloom-example-venue 1.0.0\n'),
  'the provider to be listed with its package',
);
expect(listed.includes('  streams trades: resumable'), 'what it can do to be listed');

const venue = await startVenue();
try {
  const output = await tickloom('run', 'spec.yaml', '--set', `source.url=${venue.url}`, '--json');
  const [job] = JSON.parse(output).jobs;
  expect(job.outcome === 'completed' && job.rowsIn === 2 * venue.trades, 'its history to be read to the end');
  expect(job.rowsOut === 2 * 20, 'bars to be made of it');

  writeFileSync(
    join(project, 'main.js'),
    `import { createRuntime, uncheckedSpec } from 'tickloom';
    const runtime = await createRuntime();
    const source = { use: 'example-venue', stream: 'trades', symbols: ['BTC-USD'], url: process.argv[2], apiKey: process.argv[3] };
    const job = await runtime.submit(uncheckedSpec({ name: 'live', source, sink: { use: 'null' } }));
    const untilMs = Date.now() + ${ROWS_MS_MAX};
    while (job.inspect().counters.rowsIn < 10) {
      const { state, counters } = job.inspect();
      if (Date.now() > untilMs) throw new Error('expected 10 rows, found ' + JSON.stringify({ state, counters }));
      await new Promise((go) => setTimeout(go, 10));
    }
    await job.drain();
    const { outcome, reason, counters } = await job.outcome;
    console.log(JSON.stringify({ outcome, reason, rowsIn: counters.rowsIn }));
    await runtime.close();`,
  );
  const live = JSON.parse(await run(project, 'node', 'main.js', venue.url, API_KEY));
  expect(
    live.outcome === 'completed' && live.rowsIn >= 10,
    'its stream to run in a thread until it is drained',
  );

  const wrong = await tickloom('validate', 'spec.yaml', '--set', 'source.history=bars').catch(
    (error) => error.stderr,
  );
  expect(
    wrong.includes('source.history: expected what "example-venue" has a history of: trades, found "bars"'),
    'a spec that asks for what it lacks to be told what it has',
  );
} finally {
  venue.close();
}
