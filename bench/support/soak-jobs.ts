import { join } from 'node:path';
import type { PipelineSpec } from 'tickloom';

/** Files end each minute of event time, which goes as fast as the clock. */
const rotate = { every: '1m' } as const;

/** So many rows a second of event time, too. */
const steady = (rate: number) => ({ rate, interval: `${Math.round(1e9 / rate)}ns` as const });

/** Jobs that do not end: bars and as-of joins at a steady rate, each into files of another format. */
export function soakJobs(folder: string): { readonly spec: PipelineSpec; readonly rate: number }[] {
  const bars = [
    { use: 'filter', where: 'bid > 0 and ask >= bid' },
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '1s', price: 'mid' },
  ] as const;
  const asof = (trades: number, quotes: number) =>
    ({
      source: { use: 'synthetic', kind: 'trade', seed: 1, symbols: 50, ...steady(trades) },
      operators: [
        {
          use: 'asof',
          with: { use: 'synthetic', seed: 2, symbols: 50, ...steady(quotes) },
          take: ['bid', 'ask'],
          age: 'quoteAgeNs',
        },
      ],
    }) as const;
  const quotes = (rate: number) => ({ use: 'synthetic', seed: 3, symbols: 50, ...steady(rate) }) as const;
  const path = (name: string) => join(folder, name);
  return [
    {
      rate: 10_000,
      spec: {
        name: 'bars-parquet',
        source: quotes(10_000),
        operators: bars,
        sink: { use: 'parquet', path: path('bars-parquet'), rotate },
      },
    },
    {
      rate: 5_000,
      spec: {
        name: 'bars-csv',
        source: quotes(5_000),
        operators: bars,
        sink: { use: 'csv', path: path('bars-csv'), rotate },
      },
    },
    {
      rate: 1_000,
      spec: {
        name: 'asof-parquet',
        ...asof(1_000, 5_000),
        sink: { use: 'parquet', path: path('asof-parquet'), rotate },
      },
    },
    {
      rate: 500,
      spec: {
        name: 'asof-jsonl',
        ...asof(500, 2_500),
        sink: { use: 'jsonl', path: path('asof-jsonl'), rotate },
      },
    },
    {
      rate: 2_000,
      spec: {
        name: 'ticks-parquet',
        source: quotes(2_000),
        sink: { use: 'parquet', path: path('ticks-parquet'), rotate },
      },
    },
  ];
}
