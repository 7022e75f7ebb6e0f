import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { inDatabase } from '../databases/duckdb/in-database.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { tried } from '../support/deep.js';

const SCRIPT = fileURLToPath(new URL('../databases/duckdb/duckdb-process.mjs', import.meta.url));
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(3, 10, 200));
const TIME_LIMIT = 120_000 + ROUNDS * 30_000;
/** More starts than a run can need whose every start saves a checkpoint or is not killed. */
const STARTS_MAX = 400;

const sinks = (folder: string) => ({
  alone: { use: 'duckdb', path: join(folder, 'a.duckdb'), table: 'ticks', create: 'if-missing' },
  'beside files': {
    use: 'tee',
    branches: [
      { use: 'duckdb', path: join(folder, 'a.duckdb'), table: 'ticks', create: 'if-missing' },
      { use: 'jsonl', path: join(folder, 'a.jsonl') },
    ],
  },
  'by key': {
    use: 'duckdb',
    path: join(folder, 'a.duckdb'),
    table: 'ticks',
    create: 'if-missing',
    mode: 'upsert',
    key: ['time', 'symbol', 'bid'],
  },
});
type Kind = keyof ReturnType<typeof sinks>;

const specOf = (folder: string, kind: Kind, rate: number | undefined) => ({
  name: 'kept',
  source: { use: 'synthetic', rows: 20_000, symbols: 7, seed: 3, ...(rate !== undefined && { rate }) },
  batchRows: 512,
  sink: sinks(folder)[kind],
});

/** Runs a process; kills it once it has told of so many steps and a moment has passed. */
async function start(
  folder: string,
  spec: object,
  kill?: { steps: number; afterMs: number },
): Promise<string> {
  const child = spawn(process.execPath, [SCRIPT, folder, JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  let isToBeKilled = kill !== undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
    if (!kill || !isToBeKilled || told.split('\n').length <= kill.steps) return;
    isToBeKilled = false;
    setTimeout(() => child.kill('SIGKILL'), kill.afterMs);
  });
  await once(child, 'close');
  return told.trim().split('\n').at(-1) ?? '';
}

const rowsOf = (folder: string, kind: Kind) =>
  inDatabase(
    join(folder, 'a.duckdb'),
    `SELECT * REPLACE (epoch_ns(time) AS time) FROM ticks ORDER BY ${kind === 'by key' ? 'ALL' : 'rowid'}`,
  );

describe.each(['alone', 'beside files', 'by key'] as const)('a run into DuckDB, %s,', (kind) => {
  it('has the rows of an undisturbed one, in their order, however often its process is killed', {
    timeout: TIME_LIMIT,
  }, async () => {
    const whole = temporaryDirectory();
    expect(await start(whole, specOf(whole, kind, undefined))).toBe('completed');
    const expected = await rowsOf(whole, kind);
    expect(expected).toHaveLength(20_000);

    const rounds = kind === 'alone' ? ROUNDS : Math.ceil(ROUNDS / 4);
    for (let round = 0; round < rounds; round++) {
      const random = new Random(round);
      const folder = temporaryDirectory();
      const spec = specOf(folder, kind, 200_000);
      const told: string[] = [];
      while (told.at(-1) !== 'completed') {
        expect(told.length).toBeLessThan(STARTS_MAX);
        const steps = 1 + random.below(6);
        told.push(await start(folder, spec, { steps, afterMs: random.next() * 8 }));
        expect(['', 'claimed', 'saved', 'completed']).toContain(told.at(-1));
      }
      const found = await rowsOf(folder, kind);
      const differs = expected.findIndex((row, i) => String(row) !== String(found[i]));
      expect({ round, rows: found.length, differs, found: found[differs] }).toEqual({
        round,
        rows: expected.length,
        differs: -1,
        found: undefined,
      });
      if (kind !== 'beside files') continue;
      expect(readFileSync(join(folder, 'a.jsonl'), 'utf8')).toBe(
        readFileSync(join(whole, 'a.jsonl'), 'utf8'),
      );
    }
  });
});
