import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../support/recorded-data.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

/** Every row is kept by one filter in two; the row of line 9 is late for bars of 1 s. */
const TIMES = [0, 100, 200, 300, 400, 900, 1_000, 500, 1_100, 1_200];
const ticks = scratch.write(
  'ticks.csv',
  ['time,symbol,price,size', ...TIMES.map((ms, i) => `${1_700_000_000_000 + ms},A,1,${i}`), ''].join('\n'),
);
const source = {
  use: 'replay',
  path: ticks,
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price', size: 'size' },
};
const bars = { use: 'bars', every: '1s' };
const even = { use: 'filter', where: 'size > 1' };
const lateBars = { use: 'null', operators: [bars] };

const run = (sink: object, more: object = {}) =>
  createPipeline(uncheckedSpec({ name: 'places', source, sink, ...more })).run();

const tee = (...branches: object[]) => ({ use: 'tee', branches });

async function errorOf(sink: object, more: object = {}): Promise<string> {
  const { error } = await run(sink, more);
  expect(error?.code).toBe('LATE_ROW');
  return error!.message;
}

const LATE = /^.*ticks\.csv:9: the row of "A" at .* \(.*ticks\.csv:8\)/;

describe('a late row behind a branch', () => {
  it('is named with its file and line, and so is the row that closed its bar', async () => {
    expect(await errorOf(tee(lateBars, { use: 'null' }))).toMatch(LATE);
  });

  it('is so with batches of any size, merged and divided by batcher and queue', async () => {
    for (const batchRows of [1, 2, 3, 7]) {
      for (const batcher of [{ maxRows: 1 }, { maxRows: 3 }, { maxRows: 8_192 }]) {
        const message = await errorOf(tee({ use: 'null' }, lateBars), { batchRows, batcher });
        expect(message, `${batchRows} and ${batcher.maxRows}`).toMatch(LATE);
      }
    }
  });

  it('is so behind filters, routes and branches of branches', async () => {
    const split = { use: 'split', routes: { some: { ...lateBars, when: 'size != 3' } } };
    const inner = tee({ use: 'null' }, { ...split, operators: [even] });
    const operators = [{ use: 'filter', where: 'size != 2' }];
    for (const batchRows of [2, 64]) {
      expect(await errorOf(tee(inner, { use: 'null' }), { batchRows, operators })).toMatch(LATE);
    }
  });

  it('is so where two branches add to the rows that they share', async () => {
    // Both batchers merge the rows that come first; the first one merges others than the second.
    const merged = (where: string) => ({
      ...tee(lateBars),
      operators: [{ use: 'filter', where }],
      batcher: { maxRows: 8 },
    });
    const sink = tee(merged('size < 2'), merged('size != 5'));
    expect(await errorOf(sink, { batchRows: 2, batcher: { maxRows: 4 } })).toMatch(LATE);
  });

  it('goes to the dead letters with its file and line', async () => {
    const path = join(scratch.folder, 'late.jsonl');
    const keep = { use: 'null', operators: [{ ...bars, late: 'keep' }] };
    const { outcome } = await run(tee(keep, { use: 'null' }), { deadLetter: { path } });
    expect(outcome).toBe('completed');
    expect(JSON.parse(readFileSync(path, 'utf8').trim())).toMatchObject({ file: ticks, line: 9 });
  });

  it('is named with the stage for which it is late', async () => {
    const minutes = { use: 'bars', every: '1m' };
    const message = await errorOf(
      tee({ use: 'null', operators: [even, bars] }, { ...lateBars, operators: [minutes] }),
    );
    expect(message).toContain('came late for sink.branches[0].operators[1]: its bar ended');
  });
});

describe('a late row whose place is lost on the way', () => {
  /** A batcher with keys copies row by row. */
  const batcher = { maxRows: 4, key: 'symbol' };

  it('is named by its ordinal among the rows of its stage', async () => {
    const message = await errorOf(tee({ ...lateBars, operators: [bars] }), { batcher });
    expect(message).toMatch(/^row 8 of sink\.branches\[0\]\.operators\[0\]: the row of "A" at/);
  });

  it('stands so in the dead letters', async () => {
    const path = join(scratch.folder, 'ordinal.jsonl');
    const keep = { use: 'null', operators: [{ ...bars, late: 'keep' }] };
    await run(tee(keep), { batcher, deadLetter: { path } });
    const letter = JSON.parse(readFileSync(path, 'utf8').trim());
    expect(letter).toMatchObject({ file: 'sink.branches[0].operators[0]', line: 8 });
  });
});
