import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { tried } from '../support/deep.js';
import { remainsOf } from '../support/file-runs.js';
import { type RunnerKind, Runners } from '../support/runners.js';

/** Rounds of each case: npm run test:rounds. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(1, 1, 3));
const COUNTS = [2, 3, 10];
/** A round takes a tenth of a second, and a busy machine takes several times as long. */
const TIME_LIMIT = 120_000 + ROUNDS * 5_000;

/** Rows of each run. */
const ROWS = 20;
const FIRST_OF_OLD = 900_000;

interface Kind {
  readonly use: 'csv' | 'parquet';
  readonly name: string;
  /** Whether runs that append share it. */
  readonly isShared: boolean;
}
const KINDS: readonly Kind[] = [
  { use: 'csv', name: 'out', isShared: true },
  { use: 'csv', name: 'out.csv', isShared: false },
  { use: 'parquet', name: 'out', isShared: true },
];
const CASES = KINDS.flatMap((kind) => COUNTS.map((count) => ({ ...kind, count })));

const rowsOf = (run: number): number[] => Array.from({ length: ROWS }, (_, i) => run * 1_000 + i);

/** A folder with an input of its own for each run. */
function workplace({ use, name }: Kind) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-at-once-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  const input = (first: number) => {
    const file = join(folder, `in-${first}.csv`);
    const rows = Array.from({ length: ROWS }, (_, i) => first + i);
    if (!existsSync(file)) writeFileSync(file, `value\n${rows.join('\n')}\n`);
    return file;
  };
  /** Each run has a name of its own: two jobs are no more than two runs of one job to an output. */
  const spec = (run: number, ifExists: string, first = run * 1_000) => ({
    name: `job-${run}`,
    source: {
      use: 'replay',
      path: input(first),
      kind: 'custom',
      columns: { value: { from: 'value', type: 'float64' } },
    },
    sink: { use, path, ifExists, ...(name === 'out' && { rotate: { rows: 8 } }) },
  });
  return {
    path,
    spec,
    specs: (count: number, ifExists: string) => numbers(count).map((n) => spec(n, ifExists)),
  };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** All values that a reader of the output finds, in order. */
async function valuesIn(path: string): Promise<number[]> {
  const files = path.endsWith('.csv') ? [path] : readdirSync(path).map((name) => join(path, name));
  const values: number[] = [];
  for (const file of files) {
    if (file.endsWith('.parquet')) {
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
      values.push(...rows.map(({ value }) => Number(value)));
    } else {
      const [header, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
      expect(header).toBe('value');
      values.push(...lines.map(Number));
    }
  }
  return values.sort((a, b) => a - b);
}

/** Numbers of the runs that went through, and how the others ended. */
function sorted(ends: readonly string[]) {
  const went = numbers(ends.length).filter((run) => ends[run] === 'completed');
  return { went, others: [...new Set(ends)].filter((end) => end !== 'completed').sort() };
}

const kinds: readonly RunnerKind[] = ['processes', 'threads'];

describe.each(kinds)('runs that start at once in %s', { timeout: TIME_LIMIT }, (kind) => {
  const runners = new Runners(kind);
  afterAll(() => runners.close());

  it.each(CASES)('lose no row when $count of them append to $name ($use)', async ({ count, ...output }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { path, specs } = workplace(output);
      const { went, others } = sorted(await runners.atOnce(specs(count, 'append')));
      if (output.isShared) expect(went).toHaveLength(count);
      expect(went.length).toBeGreaterThan(0);
      if (went.length < count) expect(others).toEqual(['OUTPUT_IN_USE']);
      expect([await valuesIn(path), remainsOf(path)]).toEqual([went.flatMap(rowsOf), []]);
    }
  });

  it.each(CASES)(
    'go through one alone when $count of them expect nothing at $name ($use)',
    async ({ count, ...output }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const { path, specs } = workplace(output);
        const { went, others } = sorted(await runners.atOnce(specs(count, 'error')));
        expect(went).toHaveLength(1);
        for (const code of others) expect(code).toMatch(/^OUTPUT_(IN_USE|EXISTS)$/);
        expect([await valuesIn(path), remainsOf(path)]).toEqual([went.flatMap(rowsOf), []]);
      }
    },
  );

  it.each(CASES)(
    'leave the rows of one alone when $count of them replace $name ($use)',
    async ({ count, ...output }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const { path, spec, specs } = workplace(output);
        expect(await runners.atOnce([spec(0, 'error', FIRST_OF_OLD)])).toEqual(['completed']);
        const { went, others } = sorted(await runners.atOnce(specs(count, 'replace')));
        expect(went.length).toBeGreaterThan(0);
        if (went.length < count) expect(others).toEqual(['OUTPUT_IN_USE']);
        expect(went.map(rowsOf)).toContainEqual(await valuesIn(path));
        expect(remainsOf(path)).toEqual([]);
      }
    },
  );

  it.each(CASES)(
    'follow one alone, $count of them, on a dead run that had $name ($use) to itself',
    async ({ count, ...output }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const { path, spec, specs } = workplace(output);
        await runners.openAndKill({ ...spec(0, 'error'), source: { use: 'synthetic', rate: 0.01 } });
        const { went, others } = sorted(await runners.atOnce(specs(count, 'error')));
        expect(went).toHaveLength(1);
        for (const code of others) expect(code).toMatch(/^OUTPUT_(IN_USE|EXISTS)$/);
        expect([await valuesIn(path), remainsOf(path)]).toEqual([went.flatMap(rowsOf), []]);
      }
    },
  );
});
