import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import { decodeFile } from '../../support/decoded-file.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { RecordedRejects } from '../../support/stage-context.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const START = 1_704_067_200_000;
const DAY = 86_400_000;

const inputOf = (lines: readonly string[], more: object = {}) => ({
  path: SCRATCH.writeNew(`time,symbol,price\n${lines.join('\n')}\n`),
  kind: 'trade' as const,
  columns: { time: { from: 'time', unit: 'ms' as const }, symbol: 'symbol', price: 'price' },
  ...more,
});
const good = (i: number) => `${START + i * 1_000},S${i % 3},${100 + i}`;
const pricesOf = (rows: readonly Row[]) => rows.map(({ price }) => Number(price));
const stopping = () => new RecordedRejects({ keepsRows: false });

const BAD = [
  'what?',
  'a,b',
  '1704067200000,A,x',
  '"never closed,A,1',
  '9999999999999999,A,1',
  `${START},A,1,2,3`,
];

describe('a file that stops at a bad row', () => {
  it('is gone on with at that row, so that neither it nor one behind it is lost', async () => {
    const line = fc.oneof(
      { weight: 6, arbitrary: fc.constant('good' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...BAD) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        async (made, batchRows, hasGoodFront) => {
          const all = hasGoodFront ? ['good', ...made] : made;
          const input = inputOf(all.map((text, i) => (text === 'good' ? good(i) : text)));
          const whole = await decodeFile(input, { batchRows });
          fc.pre(whole.error === undefined); // one whose times are refused as a whole
          const first = await decodeFile(input, { batchRows, rejects: stopping() });
          expect(first.error === undefined).toBe(whole.rejected.length === 0);
          const rest = await decodeFile(input, { batchRows, resumeAt: first.position });
          expect(rest.error).toBeUndefined();
          expect([...pricesOf(first.rows), ...pricesOf(rest.rows)]).toEqual(pricesOf(whole.rows));
          expect(rest.rejected.map(({ line }) => line)).toEqual(whole.rejected.map(({ line }) => line));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('delivers the rows before those that agree with one another, and goes on with the first that was not told', async () => {
    const far = (i: number) => `${START + 1_000 * DAY + i * 1_000},S,${200 + i}`;
    const lines = [
      ...Array.from({ length: 25 }, (_, i) => good(i)),
      ...Array.from({ length: 30 }, (_, i) => far(i)),
    ];
    for (const batchRows of [7, 64]) {
      const stopped = await decodeFile(inputOf(lines), { batchRows });
      expect(stopped.error).toMatchObject({ code: 'INPUT_CORRUPT' });
      expect(pricesOf(stopped.rows)).toEqual(Array.from({ length: 25 }, (_, i) => 100 + i));
      expect(stopped.rejected.map(({ line }) => line)).toEqual(Array.from({ length: 9 }, (_, i) => 27 + i));
      const input = inputOf(lines, { maxJump: 'none' });
      const rest = await decodeFile(input, { batchRows, resumeAt: stopped.position });
      expect([rest.error, rest.rejected]).toEqual([undefined, []]);
      expect(pricesOf(rest.rows)).toEqual(Array.from({ length: 21 }, (_, i) => 209 + i));
    }
  });

  it('delivers rows whose other times are settled as well, where those behind them agree with one another', async () => {
    const zone = 'America/New_York';
    const row = (time: string, i: number) => `${time},${time},S,${100 + i}`;
    const night = ['00:50', '01:10', '01:40', '01:10', '01:40', '02:10'].map((at) => `2024-11-03 ${at}`);
    const lines = night.map(row);
    const far = Array.from({ length: 12 }, (_, i) => row(`2031-01-01 00:${10 + i}`, 50 + i));
    const inputWith = (all: readonly string[]) => ({
      path: SCRATCH.writeNew(`time,received,symbol,price\n${all.join('\n')}\n`),
      kind: 'trade' as const,
      columns: {
        time: { from: 'time', zone },
        received: { from: 'received', zone },
        symbol: 'symbol',
        price: 'price',
      },
    });
    const whole = await decodeFile(inputWith(lines));
    const stopped = await decodeFile(inputWith([...lines, ...far]));
    expect(stopped.error).toMatchObject({ code: 'INPUT_CORRUPT' });
    expect(stopped.rows).toEqual(whole.rows);
    expect(whole.rows.every(({ time, received }) => time === received)).toBe(true);
  });
});
