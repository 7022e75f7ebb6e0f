// Question: how long does a user wait for the first result: a fresh process, from its start to its end?
//
// A narrow file of quotes becomes 1-minute bars in Parquet, in one thread of each. `tickloom run` is the
// command of the package as built, with a spec in YAML; the others are programs of a few lines that import
// their library. Wall clock and CPU time are of the whole process, children included; they take turns. For
// scale: a process of Node that does nothing.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertAgreement, digestSql } from './support/bars-digest.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { OneThreadDuckDb, sqlText } from './support/duckdb.js';
import { median, middleHalf, type RunTimes } from './support/measure.js';
import { narrowSpec } from './support/narrow-quotes.js';
import { PolarsProcess } from './support/polars.js';
import { writeQuotesFile } from './support/quotes-file.js';
import { timesOfProcess } from './support/whole-process.js';

const ROWS = 2_000_000;
const QUICK_ROWS = 50_000;
const ROUNDS = 11;
const RUN = 'tickloom run';
const CLI = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const WORK = fileURLToPath(new URL('./support/cold-work.js', import.meta.url));

/** One process, and what it leaves behind, if anything. */
interface ColdProcess {
  readonly name: string;
  readonly ours: boolean;
  readonly like?: string | null;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: string;
}

export default async function benchCold({
  quick,
  directory,
  progress,
}: BenchContext): Promise<BenchResult[]> {
  const at = (name: string) => join(directory, name);
  const csv = at('quotes.csv');
  progress('making the file');
  const rows = quick ? QUICK_ROWS : ROWS;
  await writeQuotesFile(csv, { rows, seed: 3, symbols: 8, intervalUs: 10_000 }, { sizes: false });
  // JSON is YAML, too.
  await writeFile(at('spec.yaml'), JSON.stringify(narrowSpec(csv, at('run'))));

  const polars = await PolarsProcess.openBoth();
  const hasPolars = !('notRun' in polars);
  if (hasPolars) for (const process of polars) process.close();
  const byPolars = (name: string, env?: Readonly<Record<string, string>>): ColdProcess => ({
    name,
    ours: false,
    like: RUN,
    args: [WORK, 'polars', csv, at(`${name}.parquet`)],
    ...(env && { env }),
    files: at(`${name}.parquet`),
  });
  const processes: readonly ColdProcess[] = [
    { name: RUN, ours: true, args: [CLI, 'run', at('spec.yaml')], files: at('run/*.parquet') },
    {
      name: 'tickloom, library',
      ours: true,
      args: [WORK, 'tickloom', csv, at('library')],
      files: at('library/*.parquet'),
    },
    {
      name: 'duckdb, 1 thread',
      ours: false,
      like: RUN,
      args: [WORK, 'duckdb', csv, at('duckdb.parquet')],
      files: at('duckdb.parquet'),
    },
    ...(hasPolars
      ? [byPolars('polars, 1 thread', { POLARS_MAX_THREADS: '1' }), byPolars('polars, default threads')]
      : []),
    { name: 'node, an empty program', ours: false, like: null, args: ['-e', ''] },
  ];

  const times = new Map<string, RunTimes[]>(processes.map(({ name }) => [name, []]));
  // The first round fills the caches of the file system.
  for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
    progress(round === 0 ? 'to warm up' : `round ${round}`);
    for (const { name, args, env = {} } of processes) {
      const taken = await timesOfProcess(args, { log: at('log.txt'), env });
      if (round > 0) times.get(name)?.push(taken);
    }
    if (round === 0) await checkAgreement(processes);
  }
  await rm(csv);
  const results = processes.map(({ name, ours, like }): BenchResult => {
    const runs = times.get(name) ?? [];
    const wallMs = runs.map((run) => run.wallMs);
    return {
      name,
      ours,
      like,
      value: median(wallMs),
      cpuValue: median(runs.map(({ cpuMs }) => cpuMs)),
      middleHalf: middleHalf(wallMs),
      unit: 'ms',
    };
  });
  return 'notRun' in polars ? [...results, polars] : results;
}

async function checkAgreement(processes: readonly ColdProcess[]): Promise<void> {
  const duckdb = await OneThreadDuckDb.open();
  try {
    const results = new Map<string, Record<string, number>>();
    for (const { name, files } of processes) {
      if (files === undefined) continue;
      const sql = digestSql('epoch(time)::BIGINT', `read_parquet(${sqlText(files)})`);
      results.set(name, await duckdb.numbers(sql));
    }
    assertAgreement(results);
  } finally {
    duckdb.close();
  }
}
