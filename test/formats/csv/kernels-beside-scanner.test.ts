import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeBothWays } from '../../support/both-ways.js';
import { tried } from '../../support/deep.js';
import { randomCsv } from '../../support/random-csv.js';
import { hasRecordedData, RECORDED_DATA, recordedTitle, scratchFolder } from '../../support/recorded-data.js';
import type { ReplayInput } from '../../support/replayed.js';

const RUNS = tried(500, 4_000, 20_000);
/** Of each recorded file, so many bytes. */
const RECORDED_BYTES = tried(400_000, 10_000_000, 50_000_000);

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const QUOTES: Omit<ReplayInput, 'path'> = {
  kind: 'quote',
  comment: '#',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', bid: 'bid', ask: 'ask' },
};
const HEADER = 'time,symbol,note,bid,ask\n';

const plainLine = (row: number): string =>
  `${1_704_153_600_000 + 10 * row},S${row % 7},,${100 + row / 100},${101 + row / 100}\n`;

/** Rows that are no plain ones, or hardly. */
const ODD_LINES = [
  '1704153600000,"A","a, b",1,2\n',
  '1704153600000,"A ""B""",x,1,2\r\n',
  '1704153600000,A,"two\nlines",1,2\n',
  '1704153600000,A,5" nails,1,2\n',
  '1704153600000,A,"x"y,1,2\n',
  '"1704153600000","","",-1.5e3,"2"\r\n',
  '\r\n',
  '# a comment, "with" a quote\n',
  '1704153600000,A,x,1\n',
  '1704153600000,A,x,1,2,\n',
  '1704153600000,A,x,12345678901234567.125,+2\n',
  `1704153600000,${'A'.repeat(90)},x,1,2\n`,
  '1704153600000,\u0000,\ufffd,1,2\n',
];

describe('a file that kernels decode', () => {
  it('gives the rows, faults and places that the scanner gives, whatever is in it', async () => {
    let rows = 0;
    let rejected = 0;
    await fc.assert(
      fc.asyncProperty(randomCsv, async ({ content, input, settings }) => {
        const found = await decodeBothWays(content, input, settings);
        rows += found.rows.length;
        rejected += found.rejected.length;
      }),
      { numRuns: RUNS },
    );
    // Or nothing would have been compared.
    expect(rows).toBeGreaterThan(RUNS);
    expect(rejected).toBeGreaterThan(RUNS / 10);
  });

  it('gives them wherever its chunks are cut', async () => {
    const lines = ODD_LINES.flatMap((line, i) => [plainLine(i), line]);
    const content = Buffer.from(HEADER + lines.join(''));
    for (let cut = 1; cut < content.length; cut++) {
      await decodeBothWays(content, QUOTES, { chunks: [cut, content.length] });
    }
    for (let length = 1; length < 130; length++) await decodeBothWays(content, QUOTES, { chunks: [length] });
  });

  it('gives them wherever a row stands among the bytes that are looked at in one turn', async () => {
    for (const odd of ODD_LINES) {
      for (let shift = 0; shift < 64; shift++) {
        const lines = [
          HEADER,
          `${'7'.repeat(shift)}\n`,
          plainLine(0),
          odd,
          plainLine(1),
          odd,
          odd,
          plainLine(2),
        ];
        await decodeBothWays(Buffer.from(lines.join('')), QUOTES);
      }
    }
  });

  it('gives them around the ends of blocks and batches', async () => {
    // Some 600 kB: blocks grow to 64 kB, batches have up to 8,192 rows.
    const lines = Array.from({ length: 16_000 }, (_, i) =>
      i % 997 === 996 ? ODD_LINES[((i / 997) | 0) % ODD_LINES.length]! : plainLine(i),
    );
    for (const chunk of [65_535, 65_536, 131_072, 131_136, 262_144]) {
      for (const batchRows of [8_191, 8_192, 3_000]) {
        const content = Buffer.from(HEADER + lines.join(''));
        const { rows } = await decodeBothWays(content, QUOTES, { chunks: [chunk], batchRows });
        expect(rows.length).toBeGreaterThan(15_900);
        lines.unshift(`#${'-'.repeat(lines.length % 61)}\n`);
      }
    }
  });

  it('gives them in batches of more rows than the kernels take at once', async () => {
    const lines = Array.from({ length: 50_000 }, (_, i) => `${i % 30},${i % 7}\n`);
    const columns = { a: { from: 1, type: 'int32' }, b: { from: 2, type: 'float64' } } as const;
    const input = { kind: 'custom', header: false, columns } as const;
    const { rows } = await decodeBothWays(Buffer.from(lines.join('')), input, { batchRows: 40_000 });
    expect(rows).toHaveLength(50_000);
    expect(rows.at(-1)).toEqual({ a: 49_999 % 30, b: 49_999 % 7 });
  });

  it('gives them where rows are longer than a block, or have more fields than one holds', async () => {
    const long = 'x'.repeat(200_000);
    const text = `${HEADER}${plainLine(0)}1704153600000,A,${long},1,2\n${plainLine(1)}1704153600000,A,"${long}",3,4\n`;
    const { rows } = await decodeBothWays(Buffer.from(text), QUOTES, { chunks: [65_536] });
    expect(rows).toHaveLength(4);
    const wide = `1704153600000,A,1,2${',5'.repeat(70_000)}\n`;
    const headless = {
      ...QUOTES,
      header: false,
      columns: { ...QUOTES.columns, time: { from: 1, unit: 'ms' as const }, symbol: 2, bid: 3, ask: 4 },
    };
    const found = await decodeBothWays(Buffer.from(wide + plainLine(0).replace(',,', ',') + wide), headless);
    expect(found.rows).toHaveLength(3);
  });

  it('stops where a dictionary is full, after the same rows', async () => {
    const lines = Array.from({ length: 9_000 }, (_, i) => plainLine(i).replace(/S\d/, `S${i >> 4}`));
    for (const chunks of [[9_000], [1_000_000]]) {
      const settings = { chunks, batchRows: 700, textsMax: 300 };
      const { rows, error } = await decodeBothWays(Buffer.from(HEADER + lines.join('')), QUOTES, settings);
      expect(error).toContain('symbol');
      expect(rows.length).toBeGreaterThan(4_000);
    }
  });

  it('gives them with more texts than the kernels keep, and with the ids that the scanner gives', async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) =>
      plainLine(i).replace(/S\d/, `S${(i * 7_919) % 20_011}`),
    );
    const { rows } = await decodeBothWays(Buffer.from(HEADER + lines.join('')), QUOTES, { batchRows: 8_192 });
    expect(new Set(rows.map(({ symbol }) => symbol)).size).toBe(20_011);
  });

  it('gives no time for ten NUL bytes, with or without a clock after them', async () => {
    const lines = ['', 'T00:00:00Z', 'T12:00:00'].map((clock) => `${'\0'.repeat(10)}${clock},1\n`);
    const input = {
      kind: 'custom',
      header: false,
      columns: { time: { from: 1, type: 'timestamp' } },
    } as const;
    const first = '2024-01-02,1\n';
    const content = Buffer.from([first, ...lines].join(''));
    // The first chunk must be text. Each batch is begun anew, with no date remembered.
    const chunks = [first.length, content.length];
    for (const batchRows of [1, 2, 64]) {
      const { rows, rejected } = await decodeBothWays(content, input, { chunks, batchRows });
      expect([rows.length, rejected.length]).toEqual([1, 3]);
    }
  });

  it.each(['s', 'ms', 'us', 'ns'] as const)('gives the same times in %s, padded with zeros', async (unit) => {
    const whole = { s: '1704153600', ms: '1704153600000', us: '1704153600000000', ns: '1704153600000000000' };
    const columns = { time: { from: 1, type: 'timestamp', unit } } as const;
    const input = { kind: 'custom', header: false, columns } as const;
    for (const fraction of ['', '.5', '.25', '.125']) {
      const lines = Array.from(
        { length: 26 },
        (_, length) => `${whole[unit].padStart(length, '0')}${fraction},1\n`,
      );
      for (const odd of ['', lines[0]!]) await decodeBothWays(Buffer.from(odd + lines.join('')), input);
    }
  });

  it.each([
    '1106-09-18',
    '1500-01-01',
    '1664-03-20',
    '1664-03-21',
    '1691-04-08',
    '1700-01-01',
    '2248-09-25',
    '2300-01-01',
  ])('gives the same times since midnight of %s', async (date) => {
    const days = [0, 1, 50_000, 106_751, 200_000, 213_000, 213_503, 220_000, 315_000];
    const lines = days.flatMap((day) => [`${day * 86_400_000 + 34_200_000},1\n`, `${day * 86_400_000},1\n`]);
    for (const zone of ['UTC', '+05:30', 'America/New_York']) {
      const columns = { time: { from: 1, type: 'timestamp', unit: 'ms', date, zone } } as const;
      await decodeBothWays(Buffer.from(lines.join('')), { kind: 'custom', header: false, columns });
    }
  });

  it.each([
    ['few', 7],
    ['many', 997],
  ])('gives texts their ids in the order of rows, with %s long ones among short ones', async (_, count) => {
    const symbols = Array.from({ length: 5_000 }, (_, i) =>
      i % 3 === 0 ? `AAPL240119C00${100 + ((i * 7) % count)}000` : `S${(i * 11) % count}`,
    );
    const lines = symbols.map((symbol, i) => plainLine(i).replace(/S\d/, symbol));
    for (const batchRows of [50, 1_000]) {
      const { texts } = await decodeBothWays(Buffer.from(HEADER + lines.join('')), QUOTES, { batchRows });
      expect(Object.values(texts)).toContainEqual([...new Set(symbols)]);
    }
  });
});

/** All files of text that are beside the repository, packed ones unpacked. */
function recordedFiles(): readonly (readonly [name: string, content: Buffer])[] {
  const names = readdirSync(RECORDED_DATA, { recursive: true, encoding: 'utf8' }).sort();
  return names.flatMap((name) => {
    const path = join(RECORDED_DATA, name);
    if (/\.csv$/.test(name)) return [[name, readFileSync(path)] as const];
    if (/\.csv\.gz$/.test(name)) return [[name, gunzipSync(readFileSync(path))] as const];
    if (!/\.zip$/.test(name)) return [];
    try {
      return [[name, readFileSync(SCRATCH.unzip(path))] as const];
    } catch {
      return []; // of another kind
    }
  });
}

/** Each field as a text, and as whatever else the one in the second row may be. */
function columnsFor(fields: readonly string[]): ReplayInput['columns'] {
  const columns: ReplayInput['columns'] = {};
  for (const [i, field] of fields.entries()) {
    const from = i + 1;
    columns[`text${i}`] = { from, type: 'string', empty: 'null' };
    if (/^-?\d+(?:\.\d+)?$/.test(field)) columns[`number${i}`] = { from, type: 'float64', empty: 'null' };
    if (/^-?\d{1,19}$/.test(field)) columns[`whole${i}`] = { from, type: 'int64' };
    if (/^\d{4}-\d\d-\d\d/.test(field)) {
      columns[`clock${i}`] = { from, type: 'timestamp', zone: 'America/New_York' };
    }
    const unit = { 10: 's', 13: 'ms', 16: 'us', 19: 'ns' }[/^\d+(?=\.|$)/.exec(field)?.[0].length ?? 0];
    if (unit) columns[`time${i}`] = { from, type: 'timestamp', unit: unit as 's', anyInstant: true };
  }
  return columns;
}

describe.runIf(hasRecordedData)(recordedTitle('a recorded file'), () => {
  const files = hasRecordedData ? recordedFiles() : [];

  it.each(files)('gives the same with kernels and without: %s', async (_, content) => {
    const [first = '', second = first] = content.toString('latin1', 0, 20_000).split(/\r?\n/);
    const delimiter = [',', ';', '\t'].find((one) => first.includes(one)) ?? ',';
    const fields = second.split(delimiter).map((field) => field.replace(/^"(.*)"$/, '$1'));
    const input = { kind: 'custom', header: false, delimiter, columns: columnsFor(fields) } as const;
    const settings = { chunks: [262_144], batchRows: 8_192 };
    const { rows } = await decodeBothWays(content.subarray(0, RECORDED_BYTES), input, settings);
    expect(rows.length).toBeGreaterThan(0);
  });
});
