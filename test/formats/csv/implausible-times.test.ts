import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { RuntimeError } from '../../../src/core/errors.js';
import { csvFormat } from '../../../src/formats/csv/csv-format.js';
import type { FileDirection } from '../../../src/formats/file-decoder.js';
import { ReplayOptions } from '../../../src/stages/sources/replay/options.js';
import { type DecodeSettings, decodeFile } from '../../support/decoded-file.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { planProblems, type ReplayInput } from '../../support/replayed.js';
import { RecordedRejects, stageContext } from '../../support/stage-context.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

type Time = ReplayInput['columns'][string];
const TRADES = { kind: 'trade', columns: { symbol: 'symbol', price: 'price' } } as const;
const HEADER = 'time,symbol,price\n';

const inputOf = (
  times: readonly (string | number)[],
  time: Time,
  more: Partial<Omit<ReplayInput, 'path'>> = {},
): ReplayInput & { path: string } => ({
  ...TRADES,
  path: SCRATCH.writeNew(HEADER + times.map((text, i) => `${text},A,${i}\n`).join('')),
  columns: { ...TRADES.columns, time },
  ...more,
});

/** The error that ends the decoding before its first row, with the path left out. */
async function refusal(input: ReturnType<typeof inputOf>, settings: DecodeSettings = {}): Promise<string> {
  const { rows, rejected, error } = await decodeFile(input, settings);
  expect(rows).toEqual([]);
  expect(rejected).toEqual([]);
  if (!(error instanceof RuntimeError)) throw new Error('expected the file to be refused', { cause: error });
  expect(error).toMatchObject({ code: 'INPUT_CORRUPT', retryable: false });
  return error.message.replace(input.path, 'FILE');
}

/** Prices of the rows that are left, and the lines of those that are not. */
async function kept(input: ReturnType<typeof inputOf>, settings: DecodeSettings = {}) {
  const { rows, rejected, error } = await decodeFile(input, settings);
  expect(error).toBeUndefined();
  return { prices: rows.map(({ price }) => price), bad: rejected.map(({ line }) => line) };
}

const MEANT = 'columns.time.anyInstant to true if that is meant';
const ALL = ', and the first rows are all like it';

describe('a file of epoch numbers', () => {
  it.each<[string, Time & object, readonly (string | number)[], string]>([
    [
      'of milliseconds read as microseconds',
      { from: 'time', unit: 'us' },
      [1700000000000, 1700000001000],
      `1700000000000 read as microseconds is 1970-01-20T16:13:20Z${ALL}. ` +
        `Read as milliseconds it is 2023-11-14T22:13:20Z: set columns.time.unit to ms, or ${MEANT}; files in two units need two specs`,
    ],
    [
      'of microseconds read as nanoseconds',
      { from: 'time', unit: 'ns' },
      ['1700000000000123'],
      '1700000000000123 read as nanoseconds is 1970-01-20T16:13:20Z. ' +
        `Read as microseconds it is 2023-11-14T22:13:20Z: set columns.time.unit to us, or ${MEANT}; files in two units need two specs`,
    ],
    [
      'of seconds with a fraction read as milliseconds',
      { from: 'time', unit: 'ms' },
      ['1700000000.25', '1700000000.5'],
      `1700000000.25 read as milliseconds is 1970-01-20T16:13:20Z${ALL}. ` +
        `Read as seconds it is 2023-11-14T22:13:20.25Z: set columns.time.unit to s, or ${MEANT}; files in two units need two specs`,
    ],
    [
      'of microseconds read as milliseconds',
      { from: 'time', unit: 'ms' },
      ['1700000000000000'],
      '1700000000000000 read as milliseconds is past the year 2248. ' +
        `Read as microseconds it is 2023-11-14T22:13:20Z: set columns.time.unit to us, or ${MEANT}; files in two units need two specs`,
    ],
    [
      'past 2200 that fit in no unit',
      { from: 'time', unit: 's' },
      [7500000000],
      `7500000000 read as seconds is 2207-09-01T13:20:00Z. Set ${MEANT}`,
    ],
    [
      'without their date',
      { from: 'time', unit: 'ms' },
      [34200000, 34200250, 57600000],
      `34200000 read as milliseconds is 1970-01-01T09:30:00Z${ALL}. ` +
        `A time since midnight needs its day: set columns.time.date, or ${MEANT}`,
    ],
    [
      'that count days from 0',
      { from: 'time', unit: 's' },
      [0, 86400, 172800],
      `0 read as seconds is 1970-01-01T00:00:00Z${ALL}. Set ${MEANT}`,
    ],
    [
      'on the clock of a zone',
      { from: 'time', unit: 'us', zone: 'Asia/Tokyo' },
      [0, 1700000000000],
      `1700000000000 read as microseconds is 1970-01-20T07:13:20Z${ALL}. ` +
        `Read as milliseconds it is 2023-11-14T13:13:20Z: set columns.time.unit to ms, or ${MEANT}; files in two units need two specs`,
    ],
  ])('is refused with the likely unit: %s', async (_, time, times, found) => {
    for (const batchRows of [1, 64]) {
      expect((await refusal(inputOf(times, time), { batchRows })).replace(/^FILE:\d+/, 'FILE')).toBe(
        `FILE: time: ${found}`,
      );
    }
    const shown = times.findIndex((text) => found.split(/[ ,]/).includes(String(text)));
    expect(await refusal(inputOf(times, time))).toContain(`FILE:${shown + 2}: `);
  });

  it('is judged by all of its first rows, not by those of the first batch', async () => {
    const early = Array.from({ length: 999 }, (_, i) => i);
    const time = { from: 'time', unit: 's', anyInstant: false } as const;
    const mixed = inputOf([...early, 1_700_000_000], time, { maxJump: 'none' });
    const late = inputOf([...early, 999, 1_700_000_000], time, { maxJump: 'none' });
    for (const batchRows of [1, 7, 8_192]) {
      expect((await kept(mixed, { batchRows })).prices).toHaveLength(1_000);
      expect(await refusal(late, { batchRows })).toContain(
        'FILE:2: time: 0 read as seconds is 1970-01-01T00:00:00Z',
      );
    }
  });

  it('is judged over many chunks where rows are long, packed or not', async () => {
    const pad = 'x'.repeat(900);
    const rows = Array.from(
      { length: 1_200 },
      (_, i) => `${i === 700 ? 1_700_000_000 : i},${pad}${i % 9},1\n`,
    );
    const input = inputOf([], { from: 'time', unit: 's' }, { maxJump: 'none' });
    for (const content of [HEADER + rows.join(''), gzipSync(HEADER + rows.join(''))]) {
      const path = SCRATCH.write('long.csv', content);
      expect((await kept({ ...input, path }, { batchRows: 50 })).prices).toHaveLength(1_200);
    }
    const refused = HEADER + rows.filter((_, i) => i !== 700).join('');
    expect(await refusal({ ...input, path: SCRATCH.write('long.csv', refused) })).toContain(':2: time: ');
  });

  it('gives out the rows of a cut file before it fails, judged or not', async () => {
    const rows = Array.from(
      { length: 300 },
      (_, i) => `${1_700_000_000 + i * 7_919},S${(i * 7_919) % 10_007},1\n`,
    );
    const packed = gzipSync(`${HEADER}x,A,1\n${rows.join('')}`);
    const path = SCRATCH.write('cut.csv', packed.subarray(0, packed.length - 200));
    const decoded = await decodeFile({ ...inputOf([], { from: 'time', unit: 's' }), path });
    expect(decoded.rows.length + decoded.rejected.length).toBeGreaterThan(100);
    expect(decoded.error).toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining(`after line ${decoded.rows.length + 2}`),
    });
  });

  it('passes where one of them is meant, or cannot be read', async () => {
    const time = { from: 'time', unit: 's' } as const;
    expect(await kept(inputOf([0, 1_700_000_000], time, { maxJump: 'none' }))).toMatchObject({ bad: [] });
    expect(await kept(inputOf([-5, -4], time))).toMatchObject({ bad: [] });
    expect(await kept(inputOf(['x', 'y'], time))).toMatchObject({ bad: [2, 3] });
    expect(await kept(inputOf([], time))).toMatchObject({ bad: [] });
    expect(await kept(inputOf([2_678_400], time))).toMatchObject({ prices: [0] });
  });

  it('passes where it says that any instant is meant, or counts from a date', async () => {
    const times = [0, 60, 120];
    expect((await kept(inputOf(times, { from: 'time', unit: 's', anyInstant: true }))).prices).toEqual([
      0, 1, 2,
    ]);
    expect((await kept(inputOf(times, { from: 'time', unit: 's', date: '1970-01-01' }))).prices).toEqual([
      0, 1, 2,
    ]);
  });

  it('is judged in every column of times, and texts never are', async () => {
    const content =
      'time,received,symbol,price\n1970-01-02,1700000000000,A,1\n1970-01-03,1700000000001,A,2\n';
    const path = SCRATCH.write('received.csv', content);
    const columns = { ...TRADES.columns, time: 'time', received: { from: 'received', unit: 'us' } } as const;
    expect(await refusal({ ...TRADES, path, columns })).toContain('set columns.received.unit to ms');
    const anyInstant = { ...columns, received: { ...columns.received, anyInstant: true } };
    expect((await kept({ ...TRADES, path, columns: anyInstant })).prices).toEqual([1, 2]);
    const old = inputOf(['1927-12-30', '1927-12-31', '1928-01-03'], 'time');
    expect((await kept(old)).prices).toEqual([0, 1, 2]);
  });

  it('is judged by its own rows, whatever other file is judged at the same moment', async () => {
    const early = '0000000012345'; // where the other file has a time of our days
    const meant = '1700000000000';
    const row = `${meant},${early}\n`;
    const opened = [`pad,time\n${row}${row}`, `time,pad\n${row}${row}`].map(async (text) => {
      const path = SCRATCH.writeNew(text);
      const columns = { time: { from: 'time', unit: 'ms' } } as const;
      const options = ReplayOptions.parse({ path, kind: 'custom', columns });
      const context = stageContext();
      const schema = csvFormat.plan(options, { add() {} });
      const decoder = await csvFormat.open(path, options, context);
      return { decoder, batch: new Batch(schema, context.batchRows, context.dictionaries) };
    });
    const files = await Promise.all(opened);
    const reads = files.map(({ decoder, batch }) => decoder.read(batch, () => false));
    await expect(reads[0]).rejects.toThrow('time: 0000000012345 read as milliseconds');
    await expect(reads[1]).resolves.toBe(false);
    for (const { decoder } of files) await decoder.close();
  });

  it('has bad rows where it falls into January 1970, wherever it is gone on with', async () => {
    const input = inputOf([...Array.from({ length: 30 }, (_, i) => 1_700_000_000 + i), 5, 6], {
      from: 'time',
      unit: 's',
    });
    expect(await kept(input)).toMatchObject({ bad: [32, 33] });
    const before = await decodeFile(input, { batchRows: 30, batches: 1 });
    const after = await decodeFile(input, { resumeAt: before.position });
    expect(after).toMatchObject({ rows: [], rejected: [{ line: 32 }, { line: 33 }] });
    const meant = inputOf([1_700_000_000, 1_700_000_001, 5, 6], {
      from: 'time',
      unit: 's',
      anyInstant: true,
    });
    expect((await kept(meant)).bad).toEqual([]);
  });

  it('is refused where ten rows that are refused agree with one another', async () => {
    const day = (i: number) => 1_500_000_000 + i * 86_400;
    const gapped = [
      ...Array.from({ length: 20 }, (_, i) => day(i)),
      ...Array.from({ length: 20 }, (_, i) => day(i + 500)),
    ];
    for (const batchRows of [1, 7, 64]) {
      const { rows, error } = await decodeFile(inputOf(gapped, { from: 'time', unit: 's' }), { batchRows });
      expect(rows.length).toBeLessThanOrEqual(20);
      expect(error).toMatchObject({ code: 'INPUT_CORRUPT' });
      expect((error as Error).message).toMatch(
        /:31: time: the last 10 rows agree with one another.*set "maxJump" higher/,
      );
    }
    const strays = [
      ...gapped.slice(0, 20),
      ...gapped.slice(20, 29),
      ...Array.from({ length: 9 }, (_, i) => day(20 + i)),
    ];
    expect((await kept(inputOf(strays, { from: 'time', unit: 's' }))).bad).toHaveLength(9);
    const wide = inputOf(gapped, { from: 'time', unit: 's' }, { maxJump: '600d' });
    expect((await kept(wide)).bad).toEqual([]);
  });

  it('is not judged again where it is gone on with, except at its front', async () => {
    const early = inputOf([5, 6], { from: 'time', unit: 's' });
    const front = await decodeFile(early, { batches: 0 });
    expect(await refusal(early, { resumeAt: front.position })).toContain('1970-01-01T00:00:05Z');
  });

  it('names the likely unit of a number that is too large in a row', async () => {
    const input = inputOf([1_700_000_000, 1_700_000_001_000, '9'.repeat(30)], { from: 'time', unit: 's' });
    const { rejected } = await decodeFile(input);
    expect(rejected.map(({ expected }) => expected)).toEqual([
      'a time in seconds since 1970, of the years 1691 to 2248 ' +
        '(as milliseconds it would be 2023-11-14T22:13:21Z: set "unit" to ms)',
      'a time in seconds since 1970, of the years 1691 to 2248',
    ]);
  });

  it('wants numbers since 1970 for that option', () => {
    const columns = (time: Time) => ({ ...TRADES.columns, time });
    const expected = [
      'columns.time.anyInstant: expected "unit" to be s, ms, us or ns, and no "date": only numbers since 1970 are checked',
    ];
    for (const more of [{}, { unit: 'ms', date: 'file' }] as const) {
      const time = { from: 'time', anyInstant: true, ...more };
      expect(planProblems({ ...TRADES, path: 'x.csv', columns: columns(time) })).toEqual(expected);
    }
    const price = { from: 'price', anyInstant: true };
    expect(
      planProblems({ ...TRADES, path: 'x.csv', columns: { ...TRADES.columns, time: 'time', price } }),
    ).toEqual(['columns.price.anyInstant: a column of type float64 has no such option']);
  });
});

const MINUTES = Array.from({ length: 7 }, (_, i) => `2024-01-02T09:3${i}:00Z`);
const with2042At = (...rows: readonly number[]) =>
  MINUTES.map((text, i) => (rows.includes(i) ? text.replace('2024', '2042') : text));

describe('a row whose time jumps far ahead', () => {
  it('stops the job with its place, the row before and what to set', async () => {
    const input = inputOf(with2042At(2), 'time');
    for (const batchRows of [1, 2, 64]) {
      const { rows, error } = await decodeFile(input, {
        batchRows,
        rejects: new RecordedRejects({ keepsRows: false }),
      });
      expect(rows).toHaveLength(2);
      expect(error).toMatchObject({ code: 'ROW_INVALID', retryable: false });
      expect((error as RuntimeError).message.replace(input.path, 'FILE')).toBe(
        'FILE:4: time: expected a time within 400 days of the row before, 2024-01-02T09:31:00Z (or set "maxJump"), ' +
          'found 2042-01-02T09:32:00Z (set "deadLetter.path" to keep such rows in a file and continue)',
      );
    }
  });

  it('is the only one that goes where bad rows are kept: those behind it are compared with the last good one', async () => {
    for (const batchRows of [1, 2, 64]) {
      expect(await kept(inputOf(with2042At(2), 'time'), { batchRows })).toEqual({
        prices: [0, 1, 3, 4, 5, 6],
        bad: [4],
      });
      expect(await kept(inputOf(with2042At(2, 3, 6), 'time'), { batchRows })).toEqual({
        prices: [0, 1, 4, 5],
        bad: [4, 5, 8],
      });
    }
  });

  it.each([
    ['ahead of all others', '2042'],
    ['behind all others', '1970'],
  ])('is the first of its file where it lies %s', async (_, year) => {
    const times = MINUTES.map((text, i) => (i === 0 ? text.replace('2024', year) : text));
    for (const batchRows of [1, 2, 64]) {
      const { rows, rejected } = await decodeFile(inputOf(times, 'time'), { batchRows });
      expect(rows.map(({ price }) => price)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(rejected).toEqual([
        {
          file: expect.any(String),
          line: 2,
          field: 'time',
          expected: 'a time within 400 days of the rows after it, 2024-01-02T09:31:00Z (or set "maxJump")',
          found: `${year}-01-02T09:30:00Z`,
          raw: `${year}-01-02T09:30:00Z,A,0`,
        },
      ]);
    }
  });

  it('is the first one with a time, not the first line', async () => {
    expect(await kept(inputOf(['x', ...with2042At(0)], 'time'), { batchRows: 1 })).toEqual({
      prices: [2, 3, 4, 5, 6, 7],
      bad: [2, 3],
    });
  });

  it('is not the first where the rows after it do not go together, or come near it', async () => {
    const of = (...years: readonly number[]) =>
      inputOf(
        years.map((year) => `${year}-01-02`),
        'time',
      );
    expect((await kept(of(2024, 2020, 2016))).bad).toEqual([]);
    expect((await kept(of(2024, 2021, 2022, 2023, 2024))).bad).toEqual([]);
    expect((await kept(of(2010, 2024))).bad).toEqual([3]);
  });

  it('is none that goes back, as where the rows of another symbol begin', async () => {
    const years = (...from: readonly number[]) =>
      from.flatMap((year) => ['01', '06', '11'].map((month) => `${year}-${month}-01`));
    const blocks = years(2022, 2023, 2024, 2009, 2010, 2011, 2021, 2022, 2023, 2024, 1999);
    const expected = { prices: expect.any(Array), bad: [20] };
    for (const batchRows of [1, 2, 5, 64]) {
      expect(await kept(inputOf(blocks.slice(0, 18), 'time'), { batchRows })).toMatchObject({ bad: [] });
      // The third block has a hole of ten years.
      expect(await kept(inputOf(blocks.slice(0, 19), 'time'), { batchRows })).toEqual(expected);
    }
  });

  it.each<[string, FileDirection]>([
    ['behind, and those after it jump up again', 'ascending'],
    ['ahead in a file that runs backwards', 'descending'],
  ])('is also one that lies far %s', async (_, direction) => {
    const year = direction === 'ascending' ? '1970' : '2042';
    const ordered = direction === 'ascending' ? MINUTES : MINUTES.toReversed();
    const strayAt = (...rows: readonly number[]) =>
      inputOf(
        ordered.map((text, i) => (rows.includes(i) ? text.replace('2024', year) : text)),
        'time',
      );
    for (const batchRows of [1, 2, 3, 4, 64]) {
      const settings = { direction, batchRows };
      expect(await kept(strayAt(3), settings)).toEqual({ prices: [0, 1, 2, 4, 5, 6], bad: [5] });
      expect(await kept(strayAt(1, 3, 4), settings)).toEqual({ prices: [0, 2, 5, 6], bad: [3, 5, 6] });
      expect(await kept(strayAt(5, 6), settings)).toMatchObject({ bad: [] });
    }
  });

  it('is told with its place where it lies behind, before rows after it that cannot be used either', async () => {
    const times = ['2024-01-02', '2024-01-03', '1970-01-01', 'x', '2024-01-04', '2024-01-05'];
    const input = inputOf(times, 'time');
    for (const batchRows of [1, 2, 3, 64]) {
      const decoded = await decodeFile(input, { batchRows });
      expect(decoded.rejected.map(({ line, expected, found }) => [line, expected, found])).toEqual([
        [
          4,
          'a time within 400 days of the row before, 2024-01-03T00:00:00Z (or set "maxJump")',
          '1970-01-01T00:00:00Z',
        ],
        [5, expect.stringContaining('a time like'), '"x"'],
      ]);
      const rejects = new RecordedRejects({ keepsRows: false });
      const stopped = await decodeFile(input, { batchRows, rejects });
      expect(stopped.rows).toHaveLength(2);
      expect(stopped.error).toMatchObject({ code: 'ROW_INVALID', row: { line: 4, raw: '1970-01-01,A,2' } });
    }
  });

  it('gives the same rows in batches of any size, and wherever a file is gone on with', async () => {
    const years = fc.array(fc.constantFrom(1970, 1999, 2023, 2024, 2024, 2024, 2025, 2042, 'x'), {
      minLength: 1,
      maxLength: 12,
    });
    const direction = fc.constantFrom('ascending', 'descending');
    await fc.assert(
      fc.asyncProperty(years, direction, async (years, direction) => {
        const text = years.map((year, i) => `${year}-01-02,A,${i % 4 === 2 ? 'bad' : i}\n`);
        const input = { ...inputOf([], 'time'), path: SCRATCH.write('any.csv', HEADER + text.join('')) };
        const whole = await decodeFile(input, { direction, batchRows: 8_192 });
        expect(whole.rows.length + whole.rejected.length).toBe(years.length);
        expect(whole.rejected.map(({ line }) => line)).toEqual(
          whole.rejected.map(({ line }) => line).toSorted((a, b) => a - b),
        );
        for (const batchRows of [1, 3, 7]) {
          const cut = await decodeFile(input, { direction, batchRows });
          expect([cut.rows, cut.rejected]).toEqual([whole.rows, whole.rejected]);
        }
        for (let batches = 0; batches <= whole.rows.length; batches++) {
          const before = await decodeFile(input, { direction, batchRows: 1, batches });
          const after = await decodeFile(input, { direction, resumeAt: before.position });
          expect([...before.rows, ...after.rows]).toEqual(whole.rows);
          expect([...before.rejected, ...after.rejected]).toEqual(whole.rejected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is told by the row before also where a file is gone on with', async () => {
    const input = inputOf(with2042At(2), 'time');
    const before = await decodeFile(input, { batchRows: 1, batches: 2 });
    const after = await decodeFile(input, { resumeAt: before.position });
    expect(after.rows).toHaveLength(4);
    expect(after.rejected).toMatchObject([{ line: 4, found: '2042-01-02T09:32:00Z' }]);
  });

  it('is looked for in the column time alone, and not where it is no time', async () => {
    const path = SCRATCH.write('other.csv', 'time,expiry,n\n1,2024-01-01,1\n9,2042-01-01,2\n');
    const expiry = { from: 'expiry', type: 'timestamp' } as const;
    const decoded = await decodeFile({
      path,
      kind: 'custom',
      columns: { time: { from: 'time', type: 'float64' }, expiry },
    });
    expect(decoded.rows).toHaveLength(2);
    expect(decoded.position.previousNs).toBeUndefined();
  });

  it.each(['1ms', '4.294967296s', '1d', '105d', '400d', '73000d'])(
    'is one that lies more than the limit ahead, to the nanosecond: %s',
    async (maxJump) => {
      const [, size, unit] = /([\d.]+)(\w+)/.exec(maxJump)!;
      const unitNs = { ms: 1_000_000n, s: 1_000_000_000n, d: 86_400_000_000_000n }[unit!]!;
      const limit = (BigInt(Math.round(Number(size) * 1e9)) * unitNs) / 1_000_000_000n;
      await fc.assert(
        fc.asyncProperty(
          fc.bigInt({ min: 1n, max: 2_000_000_000_000_000_000n }),
          fc.bigInt({ min: -3n, max: 3n }),
          async (begin, by) => {
            const start = begin + 100_000_000n - 8_000_000_000_000_000_000n;
            const next = start + limit + by;
            const time = { from: 'time', unit: 'ns', anyInstant: true } as const;
            const input = inputOf([String(start - 1n), String(start), String(next)], time, { maxJump });
            const { rows } = await decodeFile(input);
            expect(rows).toHaveLength(by > 0n ? 2 : 3);
          },
        ),
        { numRuns: 20 },
      );
    },
  );

  it.each([5, '0s', '999us', '73001d', 'off'])('is not told by a limit of %j', (maxJump) => {
    const result = ReplayOptions.safeParse({ ...inputOf([], 'time'), maxJump });
    expect(result.error?.issues).toMatchObject([
      { path: ['maxJump'], message: 'expected a duration of 1ms to 73000d, such as "400d", or "none"' },
    ]);
  });

  it('is any where there is no limit', async () => {
    const input = inputOf(['1927-01-01', ...with2042At(0, 2)], 'time', { maxJump: 'none' });
    expect((await kept(input)).bad).toEqual([]);
  });
});
