// Packs the package, installs it into an empty folder as a user would, and uses it from there:
// the CLI runs, every export imports, and the optional peer is asked for only on use.
// node .ci/check-package.mjs FOLDER
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

execFileSync('npm', ['pack', '--pack-destination', folder], { stdio: ['ignore', 'inherit', 'inherit'] });
const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
run('npm', 'install', `./${tarball}`);

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
