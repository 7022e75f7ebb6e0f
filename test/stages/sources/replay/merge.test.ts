import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { PlainData } from '../../../../src/core/plain-data.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { drainRows, openReplay, planProblems, type ReplayInput, replay } from '../../../support/replayed.js';
import {
  idsOf,
  inTime,
  readTimed,
  TIMED_ROWS,
  type TimedRow,
  timedCsv,
  timedGzip,
} from '../../../support/timed-files.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Writes files of rows, in this order. */
const write = (files: readonly (readonly TimedRow[])[], packed = false): string[] =>
  files.map((rows) => SCRATCH.writeNew(packed ? timedGzip(rows) : timedCsv(rows)));

/** Rows in order of time, some at the same instant. */
const table = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 120 }).map((steps) => {
  let ms = 1_000_000;
  return steps.map((step, id): TimedRow => {
    ms += step;
    return { ms, id };
  });
});

/** Ways to cut a table into files: row by row, by runs, by symbol. */
const cut = fc.oneof(
  fc.integer({ min: 1, max: 6 }).map((files) => (id: number) => id % files),
  fc.integer({ min: 1, max: 40 }).map((run) => (id: number) => Math.floor(id / run)),
  fc.integer({ min: 1, max: 99 }).map((seed) => (id: number) => ((id + 7) * seed * 2_654_435) % 5),
);

function cutInto(rows: readonly TimedRow[], fileOf: (id: number) => number): TimedRow[][] {
  const files: TimedRow[][] = [];
  for (const row of rows) {
    const file = fileOf(row.id);
    files[file] ??= [];
    files[file].push(row);
  }
  return files.filter((file) => file !== undefined);
}

describe('a replay of several files', () => {
  it('gives one stream in time of one file a symbol', async () => {
    const symbols = ['AAA', 'BBB', 'CCC'];
    for (const [at, symbol] of symbols.entries()) {
      const rows = Array.from({ length: 8 }, (_, i) => ({ ms: i * 30_000 + at, id: 10 * at + i }));
      SCRATCH.write(`sym-${symbol}.csv`, timedCsv(rows));
    }
    const { rows } = await replay({ path: `${SCRATCH.folder}/sym-*.csv`, ...TIMED_ROWS });
    expect(rows.map(({ symbol }) => symbol)).toEqual(
      Array.from({ length: 24 }, (_, i) => `sym-${symbols[i % 3]}`),
    );
    const times = rows.map(({ time }) => time as bigint);
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
  });

  it('takes them in order of time, not of name', async () => {
    for (const [part, ms] of [
      ['part-1', 0],
      ['part-2', 1_000],
      ['part-10', 2_000],
    ] as const) {
      SCRATCH.write(`${part}.csv`, timedCsv([1, 2, 3].map((i) => ({ ms: ms + i, id: ms + i }))));
    }
    const input: ReplayInput = { path: `${SCRATCH.folder}/part-*.csv`, ...TIMED_ROWS };
    expect(idsOf((await readTimed(input)).rows)).toEqual([1, 2, 3, 1_001, 1_002, 1_003, 2_001, 2_002, 2_003]);
    const listed = await replay({ ...input, order: 'listed' });
    expect(listed.rows.map(({ price }) => price)).toEqual([
      1, 2, 3, 2_001, 2_002, 2_003, 1_001, 1_002, 1_003,
    ]);
  });

  it('gives the same rows in the same order however a table is cut, whatever a batch holds, and after a stop at any row', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        cut,
        fc.constantFrom(1, 7, 8_192),
        fc.constantFrom(1, 3, 8_192),
        fc.boolean(),
        fc.nat({ max: 130 }),
        async (rows, fileOf, batchRows, batchRowsLater, packed, stopAfter) => {
          const files = cutInto(rows, fileOf);
          const path = write(files, packed);
          const expected = inTime(files);
          const input: ReplayInput = { path, ...TIMED_ROWS };
          const whole = await readTimed(input, { batchRows });
          expect(idsOf(whole.rows)).toEqual(expected);
          expect(whole.statistics).toEqual({ filesDone: path.length, filesTotal: path.length, filesOpen: 0 });
          for (const { id, spot } of whole.rows) {
            const file = files.findIndex((of) => of.some((row) => row.id === id));
            expect(spot).toEqual({
              file: path[file],
              line: files[file]!.findIndex((row) => row.id === id) + 2,
            });
          }

          const batches = Math.ceil(stopAfter / batchRows);
          const first = await readTimed(input, { batchRows, batches });
          const second = await readTimed(input, { batchRows: batchRowsLater, resumeAt: first.position });
          expect([...idsOf(first.rows), ...idsOf(second.rows)]).toEqual(expected);
          for (const { id, spot } of second.rows) {
            expect(spot).toEqual(whole.rows.find((row) => row.id === id)!.spot);
          }
        },
      ),
      { numRuns: 120 },
    );
  });

  it('lets no row come that is further behind than each file promises', async () => {
    const maxDelay = 50;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: maxDelay })), { minLength: 1, maxLength: 60 }),
          { minLength: 1, maxLength: 5 },
        ),
        fc.constantFrom(1, 7, 8_192),
        async (steps, batchRows) => {
          let id = 0;
          const files = steps.map((file) => {
            let ms = 1_000_000;
            // The latest time so far, less at most the delay.
            return file.map(([step, behind]): TimedRow => {
              ms += step;
              return { ms: ms - behind, id: id++ };
            });
          });
          const path = write(files);
          const { rows } = await readTimed({ path, ...TIMED_ROWS, maxDelay: `${maxDelay}ms` }, { batchRows });
          expect(idsOf(rows).sort((a, b) => a - b)).toEqual(Array.from({ length: id }, (_, i) => i));
          let latest = 0;
          for (const { ms } of rows) {
            expect(ms).toBeGreaterThanOrEqual(latest - maxDelay);
            latest = Math.max(latest, ms);
          }
          // Within a file the order is that of its lines, but for one that seems to run backwards.
          for (const [file, of] of files.entries()) {
            const lines = rows.filter(({ spot }) => spot.file === path[file]).map(({ spot }) => spot.line);
            const rising = of.map((_, i) => i + 2);
            expect([rising, rising.toReversed()]).toContainEqual(lines);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('hands on whole blocks of files that do not overlap, and copies no row', async () => {
    const files = [0, 1, 2].map((file) =>
      Array.from({ length: 100 }, (_, i) => ({ ms: file * 1_000 + i, id: file * 100 + i })),
    );
    const { source } = await openReplay({ path: write(files), ...TIMED_ROWS }, { batchRows: 50 });
    for (let at = 0; at < 6; at++) {
      const batch = (await source.read())!;
      expect(batch.length).toBe(50);
      expect(batch.float64('price')[0]).toBe(at * 50);
      batch.release();
    }
    expect(await source.read()).toBeNull();
    await source.close?.();
  });

  it('passes over files without rows, and fails on what is no such file', async () => {
    const [a, b] = write([[{ ms: 2, id: 2 }], [{ ms: 1, id: 1 }]]) as [string, string];
    const none = SCRATCH.write('none.csv', 'time,id\n');
    const bad = SCRATCH.write('bad.csv', 'time,id\nx,5\n');
    const { rows, rejects, statistics } = await readTimed({ path: [a, none, bad, b], ...TIMED_ROWS });
    expect(idsOf(rows)).toEqual([1, 2]);
    expect(rejects).toEqual([{ file: bad, line: 2 }]);
    expect(statistics).toEqual({ filesDone: 4, filesTotal: 4, filesOpen: 0 });

    const empty = SCRATCH.write('empty.csv', '');
    await expect(readTimed({ path: [a, empty], ...TIMED_ROWS })).rejects.toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining('empty.csv:1: expected a header and rows'),
    });
    const other = SCRATCH.write('other.csv', 'time,number\n1,1\n');
    await expect(readTimed({ path: [a, other], ...TIMED_ROWS })).rejects.toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining('other.csv:1: expected a header with "id"'),
    });
  });

  it('delivers the rows before a bad one that stops it, of all files', async () => {
    const a = SCRATCH.write('stop-a.csv', 'time,id\n1,1\n3,3\n5,x\n7,7\n');
    const b = SCRATCH.write('stop-b.csv', 'time,id\n2,2\n4,4\n6,6\n');
    const { source } = await openReplay(
      { path: [a, b], ...TIMED_ROWS },
      {
        rejects: {
          keepsRows: false,
          count: 0,
          add(row) {
            throw new Error(`${row.file}:${row.line}`);
          },
          async flush() {},
        },
      },
    );
    const { rows, error } = await drainRows(source);
    expect(rows.map(({ price }) => price)).toEqual([1, 2, 3]);
    expect(error).toMatchObject({ message: `${a}:4` });
  });

  it('counts bytes and bad rows once, though files are peeked', async () => {
    const text = `time,id\n${Array.from({ length: 5_000 }, (_, i) => (i % 100 === 7 ? 'x,1\n' : `${i},${i}\n`)).join('')}`;
    const path = [SCRATCH.write('c1.csv', text), SCRATCH.write('c2.csv', text)];
    const { rowsRejected, rejects, bytesIn } = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 100 });
    expect(rowsRejected).toBe(100);
    expect(new Set(rejects.map(({ file, line }) => `${file}:${line}`)).size).toBe(100);
    expect(bytesIn).toBe(2 * text.length);
  });

  it('tells each bad row once, however often it is gone on with and whatever a batch holds', async () => {
    const lines = Array.from({ length: 90 }, (_, i) => (i % 3 === 1 ? 'x,1\n' : `${i},${i}\n`));
    const path = [lines, lines.toReversed()].flatMap((file) => {
      const text = `time,id\n${file.join('')}`;
      return [text, gzipSync(text)].map((content) => SCRATCH.writeNew(content));
    });
    const told: string[] = [];
    let rowsRejected = 0;
    let resumeAt: PlainData | undefined;
    for (let run = 0, hasEnded = false; !hasEnded; run++) {
      const at = resumeAt === undefined ? {} : { resumeAt };
      const part = await readTimed(
        { path, ...TIMED_ROWS },
        { batchRows: [64, 3, 7][run % 3]!, batches: 2, ...at },
      );
      told.push(...part.rejects.map(({ file, line }) => `${file}:${line}`));
      rowsRejected += part.rowsRejected;
      resumeAt = part.position;
      hasEnded = part.hasEnded;
    }
    expect(new Set(told).size).toBe(4 * 30);
    expect(told).toHaveLength(4 * 30);
    expect(rowsRejected).toBe(4 * 30);
  });

  it('keeps a place for each bad row in the rows of its neighbours', async () => {
    const text = `time,id\n${Array.from({ length: 300 }, (_, i) => (i % 7 === 3 ? `${i},"a\nb"\n` : `${i},${i}\n`)).join('')}`;
    const lines = new Map<number, number>();
    for (let i = 0, line = 2; i < 300; i++, line += i % 7 === 4 ? 2 : 1) lines.set(i, line);
    const path = SCRATCH.write('lines.csv', text);
    for (const batchRows of [1, 7, 64]) {
      const { rows } = await readTimed({ path, ...TIMED_ROWS }, { batchRows });
      for (const { id, spot } of rows) expect(spot).toEqual({ file: path, line: lines.get(id) });
    }
  });

  it('says what its rows promise', async () => {
    const [path] = write([[{ ms: 1, id: 1 }]]);
    const orderOf = async (more: Partial<ReplayInput>) =>
      (await openReplay({ path: path!, ...TIMED_ROWS, ...more })).source.order;
    expect(await orderOf({})).toEqual({ scope: 'all', maxDelayNs: 0 });
    expect(await orderOf({ maxDelay: '2s' })).toEqual({ scope: 'all', maxDelayNs: 2e9 });
    expect(await orderOf({ order: 'listed', maxDelay: '2s' })).toEqual({ scope: 'symbol', maxDelayNs: 2e9 });
    expect(await orderOf({ kind: 'custom', columns: { id: 2 } })).toEqual({ scope: 'symbol', maxDelayNs: 0 });
  });

  it('ends with a watermark where files are read as listed', async () => {
    const path = write([
      [
        { ms: 5, id: 0 },
        { ms: 9, id: 1 },
      ],
      [{ ms: 1, id: 2 }],
    ]);
    const { source } = await openReplay({ path, ...TIMED_ROWS, order: 'listed' });
    const records = [];
    let rows = 0;
    for (let batch = await source.read(); batch; batch = await source.read()) {
      rows += batch.length;
      records.push(...batch.controls.map(({ record }) => ({ ...record, rows })));
      batch.release();
    }
    expect(records).toEqual([{ type: 'watermark', at: 9_000_001n, rows: 3 }]);
    await source.close?.();
  });

  it('loses no row whose "time" is a number and no instant', async () => {
    const path = ['5,1\n1e308,2\n', '1e308,3\n5,4\n'].map((rows) => SCRATCH.writeNew(`time,id\n${rows}`));
    const columns: ReplayInput['columns'] = { time: { from: 'time', type: 'float64' }, id: 'id' };
    const { rows } = await replay({ path, kind: 'custom', columns });
    expect(rows.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it('wants a time for an order of time', () => {
    expect(
      planProblems({ path: 'x.csv', kind: 'custom', columns: { id: 1 }, header: false, order: 'time' }),
    ).toEqual(['order: expected "listed": an order of time needs a column "time" of type timestamp']);
  });
});

describe('a position among several files', () => {
  const rows = (from: number, to: number, step = 1): TimedRow[] =>
    Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => ({
      ms: from + i * step,
      id: from + i * step,
    }));

  it('is gone on from when files came that begin behind it', async () => {
    const folder = `${SCRATCH.folder}/`;
    SCRATCH.write('grow-b.csv', timedCsv(rows(0, 20, 2)));
    SCRATCH.write('grow-d.csv', timedCsv(rows(1, 20, 2)));
    const input: ReplayInput = { path: `${folder}grow-*.csv`, ...TIMED_ROWS };
    const first = await readTimed(input, { batchRows: 5, batches: 2 });
    SCRATCH.write('grow-c.csv', timedCsv(rows(20, 25)));
    SCRATCH.write('grow-a.csv', timedCsv(rows(25, 30)));
    const second = await readTimed(input, { resumeAt: first.position });
    expect([...idsOf(first.rows), ...idsOf(second.rows)]).toEqual(Array.from({ length: 30 }, (_, i) => i));

    const end = await readTimed(input);
    expect(end.hasEnded).toBe(true);
    SCRATCH.write('grow-0.csv', timedCsv(rows(30, 33)));
    const more = await readTimed(input, { resumeAt: end.position });
    expect(idsOf(more.rows)).toEqual([30, 31, 32]);
  });

  it('is refused when a file came that begins before the latest row, though not before the last one', async () => {
    const [first] = write([[0, 9, 3, 12].map((ms) => ({ ms, id: ms }))]);
    const [came] = write([rows(5, 8)]);
    const input = { ...TIMED_ROWS, maxDelay: '6ms' };
    const { position } = await readTimed({ path: first!, ...input }, { batchRows: 3, batches: 1 });
    const path = [first!, came!];
    await expect(readTimed({ path, ...input }, { resumeAt: position })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('to begin at 9000000 ns since 1970 or later'),
    });
  });

  it('is gone on from when a file without rows came, which comes once it has some', async () => {
    const path = `${SCRATCH.folder}/day-*.csv`;
    SCRATCH.write('day-1.csv', timedCsv(rows(0, 5)));
    const first = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 2, batches: 1 });
    SCRATCH.write('day-2.csv', 'time,id\n');
    const second = await readTimed({ path, ...TIMED_ROWS }, { resumeAt: first.position });
    expect(idsOf(second.rows)).toEqual([2, 3, 4]);
    expect(second.statistics).toEqual({ filesDone: 2, filesTotal: 2, filesOpen: 0 });
    SCRATCH.write('day-2.csv', timedCsv(rows(5, 8)));
    const third = await readTimed({ path, ...TIMED_ROWS }, { resumeAt: second.position });
    expect(idsOf(third.rows)).toEqual([5, 6, 7]);
  });

  it('is refused where the only file has no rows any more', async () => {
    const path = SCRATCH.write('emptied.csv', 'time,id\n');
    const resumeAt = { file: 0, path, offset: 'time,id\n0,0\n'.length, line: 3 };
    await expect(readTimed({ path, ...TIMED_ROWS }, { resumeAt })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: `expected the rows of ${path} that the last run read; found none`,
    });
  });

  it('is refused when a file came, went or changed places before it', async () => {
    const path = write([rows(0, 20, 2), rows(1, 20, 2), rows(100, 110)]);
    const input: ReplayInput = { path, ...TIMED_ROWS };
    const { position } = await readTimed(input, { batchRows: 5, batches: 2 });
    const refused = async (paths: string[]) => {
      const found = await readTimed({ ...input, path: paths }, { resumeAt: position }).catch(
        (error) => error,
      );
      expect(found).toMatchObject({ code: 'CHECKPOINT_INVALID' });
      return found.message as string;
    };
    expect(await refused([path[0]!, path[2]!])).toBe(
      `expected the 2 files that the last run began, in order of their first times, ${path[1]} as the last one; found ${path[2]}`,
    );
    const [early] = write([rows(0, 3)]);
    expect(await refused([early!, ...path])).toContain('found');
    const [late] = write([rows(5, 7)]);
    expect(await refused([...path, late!])).toContain(`found ${late}, which begins at 5000000 ns`);
    SCRATCH.write(path[0]!.slice(SCRATCH.folder.length + 1), timedCsv(rows(0, 2)));
    await refused(path);
  });

  it('is refused in the other order, and taken over where there is one file', async () => {
    const path = write([rows(0, 9), rows(9, 20)]);
    const listed = await readTimed({ path, ...TIMED_ROWS, order: 'listed' }, { batchRows: 4, batches: 1 });
    await expect(openReplay({ path, ...TIMED_ROWS }, { resumeAt: listed.position })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('set "order: listed"'),
    });
    const inTime = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 4, batches: 1 });
    await expect(
      openReplay({ path, ...TIMED_ROWS, order: 'listed' }, { resumeAt: inTime.position }),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('set "order: time"'),
    });
    // As positions were before there was an order.
    const before = { file: 0, path: path[0]!, offset: 'time,id\n0,0\n1,1\n'.length, line: 4 };
    const only = await readTimed({ path: path[0]!, ...TIMED_ROWS }, { resumeAt: before });
    expect(idsOf(only.rows)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    const all = await readTimed({ path, ...TIMED_ROWS, order: 'listed' }, { resumeAt: before });
    expect(idsOf(all.rows)).toEqual(Array.from({ length: 18 }, (_, i) => i + 2));
  });

  it.each([
    [{ order: 'time', begun: 1, digest: 'x', last: '' }],
    [
      {
        order: 'time',
        begun: 1,
        digest: 'x',
        last: '',
        open: [{ file: 1, path: 'a', left: 1, reported: 1 }],
      },
    ],
    [{ order: 'time', begun: 1, digest: 'x', last: '', open: [{ file: 0, path: 'a', offset: 1 }] }],
    [{ order: 'time', begun: 0, digest: 'x', last: '', open: [], latestNs: 5 }],
    [{ file: 0, path: 'a', offset: 1, line: 1, skip: -1 }],
    [{ file: 0, path: 'a', left: 1, reported: 1 }],
    [[]],
    [null],
  ])('is refused when it is none: %j', async (resumeAt) => {
    const path = write([rows(0, 9)]);
    await expect(openReplay({ path, ...TIMED_ROWS }, { resumeAt })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('expected a position of the replay source'),
    });
  });
});
