import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Runs trades into bars, and gives the report and the bars as `HH:MM open count`. */
async function bars(
  name: string,
  lines: readonly string[],
  more: { time: unknown; every?: string; spec?: object },
) {
  const path = SCRATCH.write(`${name}.csv`, `time,symbol,price,size\n${lines.join('\n')}\n`);
  const output = join(SCRATCH.folder, `${name}-bars.csv`);
  const report = await createPipeline({
    name,
    source: {
      use: 'replay',
      path,
      kind: 'trade',
      columns: { time: more.time as string, symbol: 'symbol', price: 'price', size: 'size' },
    },
    operators: [
      { use: 'bars', every: more.every ?? '1m' },
      { use: 'select', columns: ['time', 'open', 'count'] },
    ],
    sink: { use: 'csv', path: output },
    ...more.spec,
  }).run();
  const found =
    report.outcome === 'completed' ? readFileSync(output, 'utf8').trim().split('\n').slice(1) : [];
  return {
    path,
    report,
    bars: found.map((line) => line.replace(/^.*T(\d\d:\d\d).*?,/, '$1 ').replace(',', ' ')),
  };
}

const SEVEN = Array.from(
  { length: 7 },
  (_, i) => `${i === 2 ? 2042 : 2024}-01-02T09:3${i}:00Z,ABC,${100 + i},1`,
);

describe('seven trades, the third of them stamped 2042', () => {
  it('stop the job with the row, the time that was expected and what to set', async () => {
    const { path, report } = await bars('stamped', SEVEN, { time: 'time' });
    expect(report).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'ROW_INVALID',
        retryable: false,
        message:
          `${path}:4: time: expected a time within 400 days of the row before, 2024-01-02T09:31:00Z ` +
          '(or set "maxJump"), found 2042-01-02T09:32:00Z ' +
          '(set "deadLetter.path" to keep such rows in a file and continue)',
      },
    });
  });

  it('give the bars of the good six where bad rows are kept', async () => {
    const dead = join(SCRATCH.folder, 'dead.jsonl');
    const spec = { deadLetter: { path: dead } };
    const { report, bars: found } = await bars('kept', SEVEN, { time: 'time', spec });
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 7, rowsRejected: 1 } });
    expect(found).toEqual([
      '09:30 100 1',
      '09:31 101 1',
      '09:33 103 1',
      '09:34 104 1',
      '09:35 105 1',
      '09:36 106 1',
    ]);
    expect(JSON.parse(readFileSync(dead, 'utf8'))).toMatchObject({ line: 4, field: 'time' });
  });
});

describe('local times of New York in order through the doubled hour', () => {
  it('are four bars of half an hour', async () => {
    const lines = ['01:10', '01:40', '01:10', '01:40'].map((time, i) => `2024-11-03 ${time},ABC,${i},1`);
    const time = { from: 'time', zone: 'America/New_York' };
    const { report, bars: found } = await bars('doubled', lines, { time, every: '30m' });
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 4, rowsDropped: 0 } });
    expect(found).toEqual(['05:00 0 1', '05:30 1 1', '06:00 2 1', '06:30 3 1']);
  });
});

describe('a file of trades in the wrong unit', () => {
  it.each([
    ['microseconds read as nanoseconds', 'ns', '1704187800000000', 'columns.time.unit to us'],
    ['milliseconds read as microseconds', 'us', '1704187800000', 'columns.time.unit to ms'],
    ['without its date', 'ms', '34200000', 'columns.time.date'],
  ])('is refused with what to set: %s', async (_, unit, text, advice) => {
    const { path, report } = await bars('unit', [`${text},ABC,1,1`], { time: { from: 'time', unit } });
    expect(report).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'INPUT_CORRUPT',
        retryable: false,
        message: expect.stringMatching(new RegExp(`^${path}:2: time: ${text} read as .*: set ${advice}`)),
      },
      counters: { rowsIn: 0 },
    });
  });
});
