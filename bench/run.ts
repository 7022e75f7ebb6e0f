/**
 * Runs the benches, each in a process of its own, and prints what they found:
 * `npm run bench [-- NAME…] [-- --json FILE]`. `BENCH_QUICK=1` makes all of it short.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BenchResult } from './support/bench-result.js';
import { resultsTable } from './support/results-table.js';

const ENDING = '.bench.js';
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const CHILD = fileURLToPath(new URL('./support/bench-child.js', import.meta.url));

interface Finding {
  readonly bench: string;
  readonly results: readonly BenchResult[];
}

const { values: options, positionals: names } = parseArgs({
  options: { json: { type: 'string' } },
  allowPositionals: true,
});
const known = (await readdir(FOLDER))
  .filter((file) => file.endsWith(ENDING))
  .map((file) => file.slice(0, -ENDING.length))
  .sort();
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`Expected benches of ${known.join(', ')}, found ${unknown.join(', ')}\n`);
  process.exit(2);
}

const cpu = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`;
process.stdout.write(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpu}\n`);
const findings: Finding[] = [];
for (const bench of names.length > 0 ? names : known) {
  const results = await runBench(bench);
  if (results === undefined) {
    process.exitCode = 1;
    continue;
  }
  findings.push({ bench, results });
  process.stdout.write(`\n${bench}\n${resultsTable(results)}\n`);
}
if (options.json !== undefined) {
  const results = findings.flatMap(({ bench, results }) => results.map((result) => ({ bench, ...result })));
  await writeFile(options.json, `${JSON.stringify({ node: process.version, cpu, results }, null, 2)}\n`);
}

/** `undefined`: it failed, and has said why on standard error. */
async function runBench(bench: string): Promise<BenchResult[] | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'tickloom-bench-'));
  try {
    const child = fork(CHILD, [join(FOLDER, bench + ENDING), directory], {
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    let results: BenchResult[] | undefined;
    child.on('message', (message) => {
      results = message as BenchResult[];
    });
    const [code, signal] = await once(child, 'exit');
    if (code === 0 && results) return results;
    process.stderr.write(`${bench}: failed (${signal ?? `exit code ${code}`})\n`);
    return undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
