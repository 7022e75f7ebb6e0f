import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import type { Clock } from '../../../src/core/clock.js';
import type { BadRow } from '../../../src/core/errors.js';
import type { Nanos } from '../../../src/core/units.js';
import { rowsIn } from '../../support/batch-rows.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { drainRows, openReplay, planProblems, type ReplayInput, replay } from '../../support/replayed.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TEXTS: ReplayInput['columns'] = {
  a: { from: 1, type: 'string', empty: 'null' },
  b: { from: 2, type: 'string', empty: 'null' },
  c: { from: 4, type: 'string', empty: 'null' },
};
const QUOTES: Pick<ReplayInput, 'kind' | 'columns'> = {
  kind: 'quote',
  columns: { time: { from: 'time', unit: 'ms', anyInstant: true }, symbol: 'symbol', bid: 'bid', ask: 'ask' },
};

/** Field texts with all that makes CSV hard; never empty, since an unquoted one and a quoted one differ to no one. */
const field = fc.oneof(
  fc.stringMatching(/^[a-z0-9.]{0,6}$/),
  fc
    .array(fc.constantFrom('a', '"', ',', ';', '\n', '\r\n', 'é', '€', ' ', '#'), { maxLength: 6 })
    .map((list) => list.join('')),
);

const row = fc.record({
  fields: fc.array(field, { minLength: 4, maxLength: 6 }),
  quotes: fc.boolean(),
  end: fc.constantFrom('\n', '\r\n'),
});

function written(
  rows: readonly { fields: string[]; quotes: boolean; end: string }[],
  delimiter: string,
): string {
  return rows
    .map(({ fields, quotes, end }) => {
      const texts = fields.map((text) =>
        quotes || /["\r\n,;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text,
      );
      return texts.join(delimiter) + end;
    })
    .join('');
}

describe('replay of CSV', () => {
  it('gives the fields that csv-parse gives, whatever is quoted and wherever chunks end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(',', ';'),
        fc.record({ padding: fc.nat({ max: 40 }), lastEnd: fc.boolean(), mark: fc.boolean() }),
        async (rows, delimiter, { padding, lastEnd, mark }) => {
          const text = written(rows, delimiter);
          // Chunks are 256 KiB long: a first line nearly as long moves the rows across their ends.
          const first = `${'x'.repeat(262_144 - padding * 3)}${delimiter}1${delimiter}2${delimiter}3\n`;
          const whole = (mark ? '\ufeff' : '') + first + (lastEnd ? text : text.replace(/\r?\n$/, ''));
          const oracle: string[][] = parse(whole, {
            delimiter,
            bom: true,
            relax_column_count: true,
            record_delimiter: ['\r\n', '\n'],
            max_record_size: 0,
          });
          const path = SCRATCH.write('oracle.csv', whole);
          const {
            rows: found,
            error,
            rejected,
          } = await replay(
            { path, kind: 'custom', columns: TEXTS, delimiter, header: false },
            { batchRows: 5 },
          );
          expect(error).toBeUndefined();
          expect(rejected).toEqual([]);
          expect(found).toEqual(
            oracle.map((texts) => ({ a: texts[0] || null, b: texts[1] || null, c: texts[3] || null })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads packed files as it reads plain ones, several members in one file included', async () => {
    const lines = Array.from({ length: 1_000 }, (_, i) => `${i},S${i % 7},${i}.5,${i}.75\n`);
    const text = `time,symbol,bid,ask\n${lines.join('')}`;
    const plain = await replay({ path: SCRATCH.write('plain.csv', text), ...QUOTES });
    const members = [gzipSync(text.slice(0, 5_000)), gzipSync(text.slice(5_000)), Buffer.alloc(512)];
    const packed = await replay({ path: SCRATCH.write('packed.data', Buffer.concat(members)), ...QUOTES });
    expect(plain.rows).toHaveLength(1_000);
    expect(packed.error).toBeUndefined();
    expect(packed.rows).toEqual(plain.rows);
  });

  it('passes over blank lines and comments, also in front of the header', async () => {
    const text = '# made by "x\n\r\ntime,symbol,bid,ask\n\n# 1,A,1,1\r\n1,A,1,2\n\n\n#\n2,A,3,4';
    const { rows, error } = await replay({
      path: SCRATCH.write('comments.csv', text),
      comment: '#',
      ...QUOTES,
    });
    expect(error).toBeUndefined();
    expect(rows.map(({ bid }) => bid)).toEqual([1, 3]);
  });

  it('takes a carriage return for a line end only in front of a line feed', async () => {
    const { rows } = await replay({
      path: SCRATCH.write('cr.csv', 'a,b,c,d\r\na\r,b\rb,c,\rd\r\r\na,b,c,d\re,f\n'),
      kind: 'custom',
      header: false,
      columns: TEXTS,
    });
    expect(rows.map(({ a, b, c }) => [a, b, c])).toEqual([
      ['a', 'b', 'd'],
      ['a\r', 'b\rb', '\rd\r'],
      ['a', 'b', 'd\re'],
    ]);
  });

  it('reads a header and no rows as no rows', async () => {
    const { rows, error } = await replay({
      path: SCRATCH.write('header.csv', 'time,symbol,bid,ask'),
      ...QUOTES,
    });
    expect(error).toBeUndefined();
    expect(rows).toEqual([]);
  });

  it('finds columns by the names of the header, quoted ones and in any order', async () => {
    const text = '"ask","the ""bid""",symbol,more,time\n2,1,A,x,5\n';
    const { rows } = await replay({
      path: SCRATCH.write('names.csv', text),
      kind: 'quote',
      columns: { ...QUOTES.columns, bid: 'the "bid"' },
    });
    expect(rows).toEqual([{ time: 5_000_000n, symbol: 'A', bid: 1, ask: 2 }]);
  });

  it('has the columns of the kind first, then the optional ones that are mapped, then others in their order', async () => {
    const { rows } = await replay({
      path: SCRATCH.write('order.csv', '7,1.5,Sell,x,-12,9007199254740993,T,2024-01-01T00:00:00Z,\n'),
      kind: 'trade',
      header: false,
      columns: {
        venue: { value: 'X', type: 'string' },
        big: { from: 6, type: 'int64' },
        small: { from: 5, type: 'int32' },
        flag: { from: 7, type: 'boolean' },
        none: { from: 9, empty: null },
        received: 8,
        side: 3,
        price: 2,
        symbol: 4,
        time: { from: 1, unit: 's', anyInstant: true },
      },
    });
    expect(rows.map((found) => Object.entries(found))).toEqual([
      [
        ['time', 7_000_000_000n],
        ['symbol', 'x'],
        ['price', 1.5],
        ['side', 'sell'],
        ['received', 1_704_067_200_000_000_000n],
        ['venue', 'X'],
        ['big', 9_007_199_254_740_993n],
        ['small', -12],
        ['flag', true],
        ['none', null],
      ],
    ]);
  });

  it('reads the texts of a side that the spec names, and no others', async () => {
    const side = { from: 'd', values: { buy: [1], sell: '-1' } };
    const columns = { ...QUOTES.columns, price: 'bid', side };
    const { rows, rejected } = await replay({
      path: SCRATCH.write('side.csv', 'time,symbol,bid,ask,d\n1,A,1,1,-1\n2,A,1,1,1\n3,A,1,1,buy\n'),
      kind: 'trade',
      columns,
    });
    expect(rows.map((found) => found.side)).toEqual(['sell', 'buy']);
    expect(rejected).toEqual([
      {
        file: expect.any(String),
        line: 4,
        field: 'side',
        expected: 'one of 1, -1',
        found: '"buy"',
        raw: '3,A,1,1,buy',
      },
    ]);
  });

  it('reads files in the order given, those of a glob by name', async () => {
    for (const [name, bid] of [
      ['g-2.csv', 2],
      ['g-10.csv', 10],
      ['g-1.csv', 1],
      ['z.csv', 0],
    ] as const) {
      SCRATCH.write(name, `time,symbol,bid,ask\n1,A,${bid},9\n`);
    }
    const { rows } = await replay({
      path: [`${SCRATCH.folder}/z.csv`, `${SCRATCH.folder}/g-*.csv`],
      ...QUOTES,
    });
    expect(rows.map(({ bid }) => bid)).toEqual([0, 1, 10, 2]);
  });

  it('keeps the symbols of files apart that are named by their files', async () => {
    SCRATCH.write('AAPL_2024-01-05.csv', '1000,1\n');
    SCRATCH.write('MSFT_2024-01-06.csv', '1000,2\n');
    const { rows } = await replay({
      path: `${SCRATCH.folder}/*_2024-*.csv`,
      kind: 'trade',
      header: false,
      columns: { time: { from: 1, unit: 'ms', date: 'file' }, symbol: { fromFile: '^([A-Z]+)_' }, price: 2 },
    });
    expect(rows).toEqual([
      { time: BigInt(Date.UTC(2024, 0, 5, 0, 0, 1)) * 1_000_000n, symbol: 'AAPL', price: 1 },
      { time: BigInt(Date.UTC(2024, 0, 6, 0, 0, 1)) * 1_000_000n, symbol: 'MSFT', price: 2 },
    ]);
  });
});

/** Time that passes as soon as somebody waits for it. */
function eagerClock(): Clock {
  let now = 0n;
  return {
    now: () => now as Nanos,
    wall: () => now as Nanos,
    setTimeout(callback, delayMs) {
      now += BigInt(Math.ceil(delayMs * 1e6));
      queueMicrotask(callback);
      return undefined;
    },
    clearTimeout() {},
  };
}

const byPlace = (rows: readonly BadRow[]): BadRow[] =>
  rows.toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));

describe('a replay that was stopped', () => {
  const lines = Array.from({ length: 700 }, (_, i) =>
    i % 50 === 3
      ? `${i},"quoted\n""${i}""",1,2\n`
      : i % 40 === 9
        ? `${i},bad,x,2\r\n`
        : `${i},S${i % 5},${i}.5,${i}.75\n`,
  );
  const text = `time,symbol,bid,ask\n\n${lines.join('')}`;
  const files = () => [
    SCRATCH.write('r1.csv', text),
    SCRATCH.write('r2.csv.gz', gzipSync(text)),
    SCRATCH.write('r3.csv', '\ufefftime,symbol,bid,ask\n9,Z,1,2'),
  ];

  it.each([['max'], [8]] as const)(
    'goes on at any batch with the same rows, bad ones and lines (speed %s)',
    async (speed) => {
      const input: ReplayInput = { path: files(), speed, ...QUOTES };
      const clock = eagerClock();
      const whole = await replay(input, { batchRows: 64, clock });
      expect(whole.error).toBeUndefined();
      expect(whole.rows).toHaveLength(2 * (700 - 18) + 1);
      for (let batches = 0; ; batches += speed === 'max' ? 1 : 13) {
        const first = await openReplay(input, { batchRows: 64, clock });
        const before: Row[] = [];
        for (let i = 0; i < batches; i++) {
          const batch = await first.source.read();
          if (!batch) break;
          before.push(...rowsIn(batch));
          batch.release();
        }
        const position = JSON.parse(JSON.stringify(first.source.position()));
        const rejectedBefore = first.source.rowsRejected!;
        await first.source.close?.();
        const second = await openReplay(input, { batchRows: 37, clock, resumeAt: position });
        const after = await drainRows(second.source);
        expect(after.error).toBeUndefined();
        expect([...before, ...after.rows]).toEqual(whole.rows);
        if (speed === 'max') {
          // Files that overlap are decoded in turns, which end where batches do.
          const rejected = [...first.rejects.rows, ...second.rejects.rows];
          expect(byPlace(rejected)).toEqual(byPlace(whole.rejected));
          expect(rejectedBefore + second.source.rowsRejected!).toBe(whole.rejected.length);
        }
        if (before.length === whole.rows.length) break;
      }
    },
  );

  it('gives no more rows once it was asked to stop', async () => {
    const { source } = await openReplay({ path: files(), ...QUOTES }, { batchRows: 64 });
    (await source.read())!.release();
    source.stop();
    expect(await source.read()).toBeNull();
    await source.close?.();
  });

  it('refuses a position in a file that is not the one it was taken in, or is shorter now', async () => {
    const path = SCRATCH.write('short.csv', 'time,symbol,bid,ask\n1,A,1,2\n');
    const at = { file: 0, path, offset: 5_000, line: 3, previousNs: null };
    const { source } = await openReplay({ path, ...QUOTES }, { resumeAt: at });
    await expect(source.read()).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    await source.close?.();
    await expect(
      openReplay({ path, ...QUOTES }, { resumeAt: { ...at, path: 'other.csv' } }),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
    await expect(openReplay({ path, ...QUOTES }, { resumeAt: { file: -1 } })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
  });

  it('does not hand out ids of strings before the first read, since a restart restores them', async () => {
    const { source, context } = await openReplay({
      path: files()[0]!,
      kind: 'quote',
      columns: { ...QUOTES.columns, symbol: { value: 'A' } },
    });
    expect(context.dictionaries.get('symbol').size).toBe(0);
    await source.close?.();
  });
});

describe('the plan of a replay', () => {
  it('names every problem at once', () => {
    expect(
      planProblems({
        path: 'x.csv',
        kind: 'quote',
        header: false,
        columns: {
          time: { from: 1, unit: 'iso', date: 'file', zone: 'Mars/Olympus' },
          symbol: { from: 2, value: 'A' },
          bid: { from: 'bid', unit: 'ms' },
          side: { from: 3, type: 'int32', empty: null },
          code: { fromFile: '(a', type: 'string' },
          venue: { value: '', type: 'string' },
        },
      }),
    ).toEqual([
      'columns.ask: expected a mapping for "ask": rows of kind quote need it',
      'columns.time.zone: expected a zone like America/New_York, UTC or -05:00',
      'columns.time.date: expected "unit" to be s, ms, us or ns: an iso time already has a date',
      'columns.symbol: expected exactly one of from, value and fromFile, found 2',
      'columns.bid.unit: a column of type float64 has no such option',
      'columns.bid.from: expected the number of a field, since there is no header (header: false)',
      'columns.side.empty: a column of type int32 has no such option',
      'columns.code.fromFile: expected true, or a regular expression with exactly one group',
      'columns.venue.value: expected a text of 1 or more characters',
    ]);
  });

  it('wants a time to pace by, and a field to read', () => {
    const input: ReplayInput = {
      path: 'x.csv',
      kind: 'custom',
      columns: { a: { value: 'x', type: 'string' } },
      speed: 1,
    };
    expect(planProblems(input)).toEqual([
      'columns: expected at least one column that comes from a field',
      'speed: expected "max": a speed needs a column "time" of type timestamp',
    ]);
  });

  it('wants the names of a given header to be used, and the texts of a value once', () => {
    expect(
      planProblems({
        path: 'x.csv',
        kind: 'trade',
        header: ['t', 'p', 'size', 'size'],
        columns: {
          time: 't',
          symbol: { value: 'A' },
          price: 'price',
          size: 'size',
          received: 5,
          side: { from: 't', values: { buy: ['b'], sell: ['b'], short: ['s'] } },
        },
      }),
    ).toEqual([
      'columns.price.from: expected one of the names in "header": t, p, size, size',
      'columns.size.from: expected a name that "header" has once, or the number of its field',
      'columns.side.values.sell: expected each text once, found "b" again',
      'columns.side.values.short: expected one of unknown, buy, sell',
      'columns.received.from: expected the number of a field in "header", which has 4, found 5',
    ]);
  });
});
