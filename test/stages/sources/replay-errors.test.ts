import { mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { RuntimeError } from '../../../src/core/errors.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { type ReplayInput, replay } from '../../support/replayed.js';
import { RecordedRejects } from '../../support/stage-context.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const QUOTES: Pick<ReplayInput, 'kind' | 'columns'> = {
  kind: 'quote',
  columns: { time: { from: 'time', unit: 'ms', anyInstant: true }, symbol: 'symbol', bid: 'bid', ask: 'ask' },
};
const HEADER = 'time,symbol,bid,ask\n';

const write = (content: string | Uint8Array, name?: string): string =>
  name === undefined ? SCRATCH.writeNew(content) : SCRATCH.write(name, content);

async function failure(content: string | Uint8Array, more: Partial<ReplayInput> = {}, name?: string) {
  const path = write(content, name);
  const { rows, error, rejected } = await replay({ path, ...QUOTES, ...more });
  if (!(error instanceof RuntimeError)) throw new Error('expected the replay to fail', { cause: error });
  expect(rejected).toEqual([]);
  return { rows, code: error.code, message: error.message.replaceAll(path, 'FILE') };
}

/** Bad rows of a file, without its path. */
async function rejects(content: string | Uint8Array, more: Partial<ReplayInput> = {}) {
  const { rows, error, rejected, source } = await replay(
    { path: write(content), ...QUOTES, ...more },
    { batchRows: 7 },
  );
  expect(error).toBeUndefined();
  expect(source.rowsRejected).toBe(rejected.length);
  return { bids: rows.map(({ bid }) => bid), bad: rejected.map(({ file, ...bad }) => bad) };
}

describe('a replay of what cannot be read', () => {
  it('names a file that is not there, a folder, and a glob that matches nothing', async () => {
    const missing = await replay({ path: `${SCRATCH.folder}/none.csv`, ...QUOTES }).catch((error) => error);
    expect(missing).toMatchObject({
      code: 'INPUT_MISSING',
      message: expect.stringContaining('none.csv: expected a file, found none'),
    });
    mkdirSync(`${SCRATCH.folder}/folder.csv`);
    const folder = await replay({ path: `${SCRATCH.folder}/folder.csv`, ...QUOTES }).catch((error) => error);
    expect(folder).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('found a directory'),
    });
    const glob = await replay({ path: `${SCRATCH.folder}/*.parquet`, ...QUOTES }).catch((error) => error);
    expect(glob).toMatchObject({
      code: 'INPUT_MISSING',
      message: expect.stringContaining('*.parquet: expected files that match'),
    });
  });

  it('looks for all files before it reads the first one', async () => {
    const there = write(`${HEADER}1,A,1,2\n`);
    const error = await replay({ path: [there, `${SCRATCH.folder}/later.csv`], ...QUOTES }).catch(
      (error) => error,
    );
    expect(error).toMatchObject({ code: 'INPUT_MISSING' });
  });

  it('fails on an empty file, packed or not, and on one without a header', async () => {
    const empty = {
      rows: [],
      code: 'INPUT_CORRUPT',
      message: 'FILE:1: expected a header and rows, found an empty file',
    };
    expect(await failure('')).toEqual(empty);
    expect(await failure(gzipSync(''))).toEqual(empty);
    expect((await failure('', { header: ['time', 'symbol', 'bid', 'ask'] })).message).toBe(
      'FILE:1: expected rows, found an empty file',
    );
    expect((await failure('\n\r\n\n')).message).toBe('FILE:4: expected a header, found the end of the file');
  });

  it('names every column that the header lacks, and those that it has', async () => {
    const { code, message } = await failure('time,Symbol,bid,bid\n1,A,1,2\n');
    expect(code).toBe('INPUT_CORRUPT');
    expect(message).toBe(
      'FILE:1: expected a header with "symbol" (columns.symbol), "bid" once (columns.bid), or its number in "from", ' +
        '"ask" (columns.ask); found "time, Symbol, bid, bid"',
    );
  });

  it('says on which line the header stands, comments and blank lines before it', async () => {
    const { message } = await failure('# 2024\n\ntime,symbol,bid,Ask\n', { comment: '#' });
    expect(message).toContain('FILE:3: expected a header with "ask"');
  });

  it('tells binary data and UTF-16 from text', async () => {
    expect(await failure(Buffer.from([0x50, 0x4b, 3, 4, 0, 1, 2]))).toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining('found binary data or UTF-16 (a zero byte at offset 4)'),
    });
    expect((await failure(Buffer.from(`\ufeff${HEADER}`, 'utf16le'))).message).toContain(
      'binary data or UTF-16',
    );
  });

  it('delivers what a truncated gzip file gives, then fails with the last line', async () => {
    // Texts that do not pack well, so that what is cut off is only the end.
    const lines = Array.from(
      { length: 50_000 },
      (_, i) => `${i},S${(i * 7_919) % 10_007},${(i * 31) % 977}.5,${i % 89}\n`,
    );
    const packed = gzipSync(HEADER + lines.join(''));
    const { rows, code, message } = await failure(packed.subarray(0, packed.length - 2_000));
    expect(code).toBe('INPUT_CORRUPT');
    expect(rows.length).toBeGreaterThan(10_000);
    expect(rows.at(-1)!.time).toBe(BigInt(rows.length - 1) * 1_000_000n);
    expect(message).toBe(
      `FILE: expected the rest of the gzip data, found the end of the file (it is truncated), after line ${rows.length + 1}`,
    );
  });

  it('fails on what follows the end of gzip data', async () => {
    const packed = gzipSync(`${HEADER}1,A,1,2\n`);
    for (const rest of [Buffer.from('garbage'), Buffer.from([0, 0, 7])]) {
      expect((await failure(Buffer.concat([packed, rest]))).code).toBe('INPUT_CORRUPT');
    }
  });

  it('fails when the name of a file does not hold what is taken from it', async () => {
    const columns = { ...QUOTES.columns, time: { from: 'time', unit: 'ms' as const, date: 'file' as const } };
    expect(await failure(HEADER, { columns })).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('columns.time.date: expected a date like 20240131'),
    });
    expect(
      await failure(HEADER, { columns: { ...QUOTES.columns, symbol: { fromFile: '^([A-Z]+)$' } } }),
    ).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('columns.symbol.fromFile: expected a name'),
    });
  });

  it.each(['^(\\w+)+$(?!.)!', '(.*.*.*.*.*.*.*.*.*.*.*.*!)', '((?:[a-z]|[a-z])*)!'])(
    'fails soon where what is taken from its name could take years: %s',
    async (fromFile) => {
      const name = `${'quotes'.repeat(20)}.csv`;
      expect(
        await failure(HEADER, { columns: { ...QUOTES.columns, symbol: { fromFile } } }, name),
      ).toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringContaining(
          'columns.symbol.fromFile: expected a regular expression that is matched within 500 ms',
        ),
      });
    },
  );
});

describe('a row that cannot be used', () => {
  it('goes to the rejects with its line, field and reason, and nothing else is lost', async () => {
    const { bids, bad } = await rejects(
      `${HEADER}1,A,1,2\nx,A,2,2\n3,A,,2\n4,A,4\n\n5,"A\nB",5,2\n6,A,0x6,2\n7,,7,2\n8,A,8,"2""2"\n9,A,9,2,and,more\n10,A,nan,x`,
    );
    expect(bids).toEqual([1, 5]);
    const decimal = 'a decimal number';
    expect(bad).toEqual([
      {
        line: 3,
        field: 'time',
        expected: 'a time in milliseconds since 1970, of the years 1691 to 2248',
        found: '"x"',
        raw: 'x,A,2,2',
      },
      { line: 4, field: 'bid', expected: decimal, found: 'nothing', raw: '3,A,,2' },
      { line: 5, expected: '4 fields, as the header has', found: '3', raw: '4,A,4' },
      { line: 9, field: 'bid', expected: decimal, found: '"0x6"', raw: '6,A,0x6,2' },
      { line: 10, field: 'symbol', expected: 'a text', found: 'nothing', raw: '7,,7,2' },
      { line: 11, field: 'ask', expected: decimal, found: '"2\\"\\"2"', raw: '8,A,8,"2""2"' },
      { line: 12, expected: '4 fields, as the header has', found: '6', raw: '9,A,9,2,and,more' },
      { line: 13, field: 'bid', expected: decimal, found: '"nan"', raw: '10,A,nan,x' },
    ]);
  });

  it('is one with more or fewer fields than the header, whether they are quoted or mapped', async () => {
    const { bids, bad } = await rejects(
      'time,symbol,bid,ask,venue,note\n' +
        '1,A,1,2,X,"a,b"\n2,A,1,391,1,393,X,\n3,A,3,2,X\n"4","A","4","2","X","a","b"\n' +
        '"5","A",5,2,X,"a\n,b",\n6,A,6,2,"X",\n7,A,7,2,"X","a"y\n8,A,8,2,"X"\r,a\n"9,A,9,2,X,\n',
    );
    expect(bids).toEqual([1, 5, 6]);
    expect(bad.map(({ line, expected, found }) => [line, expected, found])).toEqual([
      [3, '6 fields, as the header has', '8'],
      [4, '6 fields, as the header has', '5'],
      [5, '6 fields, as the header has', '7'],
      [9, 'a delimiter or a line end after the closing quote', 'more text'],
      [10, 'a delimiter or a line end after the closing quote', 'more text'],
      [11, 'a closing quote', 'none in the next 12 bytes'],
    ]);
  });

  it('is not one whose line ends with a delimiter, or whose header does', async () => {
    for (const [header, row] of [
      ['time,symbol,bid,ask', '1,A,1,2,'],
      ['time,symbol,bid,ask', '1,A,1,"2",\r'],
      ['time,symbol,bid,ask,', '1,A,1,2'],
      ['time,symbol,bid,ask,', '1,A,1,2,'],
      ['time,symbol,bid,ask,', '1,A,1,2,unnamed'],
    ]) {
      expect(await rejects(`${header}\n${row}\n`)).toEqual({ bids: [1], bad: [] });
    }
  });

  it('is kept as a whole, whatever stands in its quotes', async () => {
    const { bad } = await rejects('time,symbol,bid,ask,note\n1,A,x,2,"a\nb ""c"""\n');
    expect(bad[0]!.raw).toBe('1,A,x,2,"a\nb ""c"""');
  });

  it('is the line of a stray quote alone, however far it would reach', async () => {
    const { bids, bad } = await rejects(`${HEADER}1,A,1,2\n2,"A,2,2\n3,A,3,2\n4,"A"x,4,2\n5,A,5,2\n6,A,6,"2`);
    expect(bids).toEqual([1, 3, 5]);
    expect(bad.map(({ line, raw }) => [line, raw])).toEqual([
      [3, '2,"A,2,2'],
      [5, '4,"A"x,4,2'],
      [7, '6,A,6,"2'],
    ]);
  });

  it('is found on its line and told short when it is longer than a row may be', async () => {
    const long = 'x'.repeat(2_500_000);
    const { bids, bad } = await rejects(
      `${HEADER}1,A,1,2\n2,${long},2,2\n3,A,3,2\n4,"${long}\n\n${long}",4,2\n5,A,5,2\n${long}`,
    );
    expect(bids).toEqual([1, 3, 5]);
    expect(bad.map(({ line, expected }) => [line, expected])).toEqual([
      [3, 'a row of at most 1048576 bytes'],
      [5, 'a row of at most 1048576 bytes'],
      [7, 'a row of at most 1048576 bytes'],
      [9, 'a row of at most 1048576 bytes'],
    ]);
    expect(bad[0]!.raw!.length).toBeLessThan(1_100);
  });

  it('ends the replay where bad rows are to stop it, after all rows before it', async () => {
    const lines = Array.from({ length: 30 }, (_, i) =>
      i === 17 || i === 5 ? `${i},A,x,2\n` : `${i},A,${i},2\n`,
    );
    const path = write(HEADER + lines.join(''));
    for (const batchRows of [1, 4, 64]) {
      const { rows, error, source } = await replay(
        { path, ...QUOTES },
        { batchRows, rejects: new RecordedRejects({ keepsRows: false }) },
      );
      expect(rows.map(({ bid }) => bid)).toEqual([0, 1, 2, 3, 4]);
      expect(source.rowsRejected).toBe(1);
      expect(error).toMatchObject({
        code: 'ROW_INVALID',
        row: {
          file: path,
          line: 7,
          field: 'bid',
          expected: 'a decimal number',
          found: '"x"',
          raw: '5,A,x,2',
        },
      });
    }
  });

  it('is counted and kept in order over many chunks of a file', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i},A,${i % 1_000 === 999 ? 'bad' : i},2\n`);
    const { rows, rejected } = await replay(
      { path: write(HEADER + lines.join('')), ...QUOTES },
      { batchRows: 8_192 },
    );
    expect(rows).toHaveLength(60_000 - 60);
    expect(rejected.map(({ line }) => line)).toEqual(
      Array.from({ length: 60 }, (_, i) => 1_000 * i + 999 + 2),
    );
  });

  it('is cut where a value is long, so that a log stays readable', async () => {
    const { bad } = await rejects(`${HEADER}1,A,${'y'.repeat(5_000)},2\n`);
    expect(bad[0]!.found.length).toBeLessThan(90);
    expect(bad[0]!.raw!.length).toBeLessThan(1_100);
  });
});
