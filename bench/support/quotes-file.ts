import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { sqlText } from './duckdb.js';
import { type QuoteRow, type QuoteRowsSettings, quoteRows } from './quote-rows.js';

/** Characters written at a time. */
const CHUNK = 1 << 20;

/** Writes quotes as a CSV file with a header; time in ms since 1970, or µs. */
export async function writeQuotesFile(
  path: string,
  settings: QuoteRowsSettings,
  unit: 'ms' | 'us' = 'ms',
): Promise<void> {
  const file = await open(path, 'w');
  const divisor = unit === 'ms' ? 1_000 : 1;
  try {
    let text = 'timestamp,symbol,bid,ask,bid_size,ask_size\n';
    for (const { time, symbol, bid, ask, bidSize, askSize } of quoteRows(settings)) {
      text += `${time / divisor},${symbol},${bid},${ask},${bidSize},${askSize}\n`;
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

/** The file as the options of `replay`. */
export function replaySpec(path: string) {
  return {
    use: 'replay',
    path,
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

/** The file as a table of DuckDB, types given: nothing is guessed. */
export const readCsvSql = (path: string): string =>
  `read_csv(${sqlText(path)}, header = true, delim = ',', quote = '"', auto_detect = false, columns = {'timestamp': 'BIGINT', ` +
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
