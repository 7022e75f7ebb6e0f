import { open } from 'node:fs/promises';
import { Random } from '../../src/core/random.js';
import type { SourceSpec } from '../../src/plan/typed-spec.js';

type ReplaySpec = Extract<SourceSpec, { use: 'replay' }>;

/** A kind of CSV file. */
export interface CsvShape {
  readonly name: string;
  /** How it is read, but for its path. */
  readonly replay: Omit<ReplaySpec, 'use' | 'path'>;
  readonly header: string;
  /** What of the rows of the others it has; default: 1. */
  readonly share?: number;
  line(row: number, random: Random): string;
}

const START_MS = 1_704_153_600_000;
const COLUMNS = { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', bid: 'bid', ask: 'ask' } as const;
const HEADER = 'time,symbol,bid,ask';

const msOf = (row: number): number => START_MS + 10 * row;
const isoOf = (row: number): string => new Date(msOf(row)).toISOString();
const symbolOf = (row: number): string => `SYM${row % 10}`;
const prices = (random: Random): string => {
  const cents = 19_000 + random.below(300);
  return `${cents / 100},${(cents + 2) / 100}`;
};
const others = Array.from({ length: 56 }, (_, i) => `x${i}`);
const otherValues = (row: number): string => others.map((_, i) => ((i * row) % 997) / 10).join();

/** A shape of quotes that differs from the first one in its symbols, times or prices. */
const quotes = (
  name: string,
  line: CsvShape['line'],
  { columns = {}, ...replay }: Partial<ReplaySpec> = {},
): CsvShape => ({
  name,
  header: HEADER,
  line,
  replay: { kind: 'quote', columns: { ...COLUMNS, ...columns }, ...replay },
});

const longDecimal = (random: Random): string => String(random.next() * 100 + random.next() / 1e5);

export const CSV_SHAPES: readonly CsvShape[] = [
  quotes('ms, symbol, two prices', (row, random) => `${msOf(row)},${symbolOf(row)},${prices(random)}`),
  quotes('ns', (row, random) => `${msOf(row)}123456,${symbolOf(row)},${prices(random)}`, {
    columns: { time: { from: 'time', unit: 'ns' } },
  }),
  quotes(
    'seconds with a fraction',
    (row, random) => {
      return `${(msOf(row) / 1_000).toFixed(6)},${symbolOf(row)},${prices(random)}`;
    },
    { columns: { time: { from: 'time', unit: 's' } } },
  ),
  quotes('ISO times', (row, random) => `${isoOf(row)},${symbolOf(row)},${prices(random)}`, {
    columns: { time: 'time' },
  }),
  quotes(
    'local times of a zone',
    (row, random) => {
      return `${isoOf(row).slice(0, 23)},${symbolOf(row)},${prices(random)}`;
    },
    { columns: { time: { from: 'time', zone: 'America/New_York' } } },
  ),
  quotes('prices of 17 digits', (row, random) => {
    return `${msOf(row)},${symbolOf(row)},${longDecimal(random)},${longDecimal(random)}`;
  }),
  {
    ...quotes('4 of 60 fields', (row, random) => {
      return `${msOf(row)},${symbolOf(row)},${prices(random)},${otherValues(row)}`;
    }),
    header: `${HEADER},${others.join()}`,
    share: 0.2,
  },
  quotes('all fields quoted', (row, random) => {
    return `"${msOf(row)}","${symbolOf(row)}","${prices(random).replace(',', '","')}"`;
  }),
  {
    ...quotes('a doubled quote in each row', (row, random) => {
      return `${msOf(row)},${symbolOf(row)},${prices(random)},"a ""b"""`;
    }),
    header: `${HEADER},note`,
  },
  quotes('50,000 symbols', (row, random) => `${msOf(row)},S${random.below(50_000)},${prices(random)}`),
  quotes('option symbols of 19 bytes', (row, random) => {
    return `${msOf(row)},AAPL240119C${String(random.below(2_000)).padStart(8, '0')},${prices(random)}`;
  }),
  {
    name: 'short lines',
    header: 't,p',
    replay: { kind: 'custom', columns: { time: { from: 't', unit: 'ms', anyInstant: true }, p: 'p' } },
    line: (row) => `${row},${row % 10}`,
  },
  {
    ...quotes('lines of changing length', (row, random) => {
      return `${msOf(row)},${symbolOf(row)},${prices(random)}${',x'.repeat(row % 3)}`;
    }),
    replay: {
      kind: 'quote',
      header: false,
      columns: { time: { from: 1, unit: 'ms' }, symbol: 2, bid: 3, ask: 4 },
    },
  },
  quotes(
    'a comment before each tenth row',
    (row, random) => {
      return `${row % 10 === 0 ? '# note\n' : ''}${msOf(row)},${symbolOf(row)},${prices(random)}`;
    },
    { comment: '#' },
  ),
];

/** Characters written at a time. */
const CHUNK = 1 << 20;

export async function writeShape(
  path: string,
  { header, replay, line }: CsvShape,
  rows: number,
): Promise<void> {
  const file = await open(path, 'w');
  const random = new Random(7);
  try {
    let text = replay.header === false ? '' : `${header}\n`;
    for (let row = 0; row < rows; row++) {
      text += `${line(row, random)}\n`;
      if (text.length < CHUNK) continue;
      await file.appendFile(text);
      text = '';
    }
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}
