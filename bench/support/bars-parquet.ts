import { writeFile } from 'node:fs/promises';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { QuoteRow } from './quote-rows.js';
import type { RowBar } from './row-bars.js';

/** Writes bars as one Parquet file, with the plain writer that a JavaScript program would take. */
export async function writeBarsParquet(path: string, bars: readonly RowBar[]): Promise<void> {
  const numbers = (name: 'open' | 'high' | 'low' | 'close') => ({
    name,
    type: 'DOUBLE' as const,
    data: bars.map((bar) => bar[name]),
  });
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'time', type: 'TIMESTAMP', data: bars.map(({ time }) => new Date(time / 1_000)) },
      { name: 'symbol', type: 'STRING', data: bars.map(({ symbol }) => symbol) },
      numbers('open'),
      numbers('high'),
      numbers('low'),
      numbers('close'),
      { name: 'count', type: 'INT32', data: bars.map(({ count }) => count) },
    ],
  });
  await writeFile(path, new Uint8Array(buffer));
}

/** Writes quotes likewise. */
export async function writeQuotesParquet(path: string, quotes: readonly QuoteRow[]): Promise<void> {
  const numbers = (name: 'bid' | 'ask' | 'bidSize' | 'askSize') => ({
    name,
    type: 'DOUBLE' as const,
    data: quotes.map((quote) => quote[name]),
  });
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'time', type: 'TIMESTAMP', data: quotes.map(({ time }) => new Date(time / 1_000)) },
      { name: 'symbol', type: 'STRING', data: quotes.map(({ symbol }) => symbol) },
      numbers('bid'),
      numbers('ask'),
      numbers('bidSize'),
      numbers('askSize'),
    ],
  });
  await writeFile(path, new Uint8Array(buffer));
}
