import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { parse } from 'csv-parse';
import type { SourceSpec } from '../../src/plan/typed-spec.js';
import { sqlText } from './duckdb.js';
import { type QuoteRow, type QuoteRowsSettings, quoteRows } from './quote-rows.js';

/** Characters written at a time. */
const CHUNK = 1 << 20;
const NARROW_HEADER = 'timestamp,symbol,bid,ask';
const HEADER = `${NARROW_HEADER},bid_size,ask_size\n`;

const quoteLine = ({ time, symbol, bid, ask, bidSize, askSize }: QuoteRow, divisor: number): string =>
  `${time / divisor},${symbol},${bid},${ask},${bidSize},${askSize}\n`;

const narrowLine = ({ time, symbol, bid, ask }: QuoteRow, divisor: number): string =>
  `${time / divisor},${symbol},${bid},${ask}\n`;

/** Writes quotes as a CSV file with a header; time in ms since 1970, or µs; with the sizes or without. */
export async function writeQuotesFile(
  path: string,
  settings: QuoteRowsSettings,
  { unit = 'ms', sizes = true }: { readonly unit?: 'ms' | 'us'; readonly sizes?: boolean } = {},
): Promise<void> {
  const file = await open(path, 'w');
  const divisor = unit === 'ms' ? 1_000 : 1;
  const lineOf = sizes ? quoteLine : narrowLine;
  try {
    let text = sizes ? HEADER : `${NARROW_HEADER}\n`;
    for (const quote of quoteRows(settings)) {
      text += lineOf(quote, divisor);
      if (text.length > CHUNK) {
        await file.appendFile(text);
        text = '';
      }
    }
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}

/** Writes quotes, times in ms, into files that each have some of the rows, with a header. */
export async function writeSplitQuotes(
  paths: readonly string[],
  settings: QuoteRowsSettings,
  fileOf: (row: number) => number,
): Promise<void> {
  const texts = paths.map(() => HEADER);
  let row = 0;
  for (const quote of quoteRows(settings)) texts[fileOf(row++)] += quoteLine(quote, 1_000);
  for (const [file, path] of paths.entries()) await writeFile(path, texts[file]!);
}

/** The file, or several, as the options of `replay`. */
export function replaySpec(path: string | readonly string[]): Extract<SourceSpec, { use: 'replay' }> {
  return {
    use: 'replay',
    path: typeof path === 'string' ? path : [...path],
    kind: 'quote',
    columns: {
      time: { from: 'timestamp', unit: 'ms' },
      symbol: 'symbol',
      bid: 'bid',
      ask: 'ask',
      bidSize: 'bid_size',
      askSize: 'ask_size',
    },
  };
}

/** The file, or several, as a table of DuckDB, types given: nothing is guessed. */
export const readCsvSql = (path: string | readonly string[]): string =>
  `read_csv(${typeof path === 'string' ? sqlText(path) : `[${path.map(sqlText).join(', ')}]`}, header = true, delim = ',', quote = '"', auto_detect = false, columns = {'timestamp': 'BIGINT', ` +
  `'symbol': 'VARCHAR', 'bid': 'DOUBLE', 'ask': 'DOUBLE', 'bid_size': 'DOUBLE', 'ask_size': 'DOUBLE'})`;

/** The file's rows by csv-parse, as objects with their numbers read. */
export async function* parsedQuotes(path: string): AsyncGenerator<QuoteRow> {
  const rows: AsyncIterable<string[]> = createReadStream(path).pipe(parse({ from_line: 2 }));
  for await (const [timestamp, symbol, bid, ask, bidSize, askSize] of rows) {
    yield {
      time: Number(timestamp) * 1_000,
      symbol: symbol ?? '',
      bid: Number(bid),
      ask: Number(ask),
      bidSize: Number(bidSize),
      askSize: Number(askSize),
    };
  }
}
