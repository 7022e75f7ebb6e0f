import { describe, it } from 'vitest';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { bounded, FUZZ_MS_MAX, fuzz } from './bounded.js';
import { mutated } from './mutations.js';

const QUOTES = { use: 'synthetic', kind: 'quote', rows: 10, symbols: ['A', 'B'], faults: { gapEvery: 5 } };
const CSV = {
  use: 'replay',
  path: ['ticks-*.csv', 'a.csv'],
  columns: { time: { from: 't', unit: 'ms' }, bid: 'b' },
};
const NULL = { use: 'null' };

/** Of each component, one at least. */
const GOOD: readonly object[] = [
  {
    name: 'line',
    source: { ...QUOTES, queue: { batches: 5, overflow: { quotes: 'block' } } },
    operators: [
      { use: 'filter', where: 'bid > 0 and ask >= bid', name: 'sane' },
      {
        use: 'derive',
        columns: { mid: '(bid + ask) / 2', wide: { value: 'ask - bid > 1', type: 'boolean' } },
      },
      { use: 'bars', every: '1m', price: 'mid' },
      { use: 'select', columns: { time: 'time', symbol: 'symbol', close: 'close' } },
    ],
    batcher: { maxRows: 100, key: 'symbol' },
    sink: { use: 'parquet', path: 'out/bars', partitionBy: ['symbol', 'day'], rotate: { every: '1h' } },
    deadLetter: { path: 'rejected.jsonl', maxRows: 10 },
    batchRows: 100,
    maxMemoryMb: 64,
    seed: 5,
  },
  {
    name: 'tree',
    source: {
      use: 'merge',
      sources: [QUOTES, { ...QUOTES, operators: [{ use: 'filter', where: 'bid > 0' }] }],
    },
    operators: [{ use: 'asof', with: QUOTES, operators: [], take: { other: 'bid' }, tolerance: '1s' }],
    sink: {
      use: 'split',
      routes: {
        large: { when: 'bid > 100', use: 'csv', path: 'large.csv' },
        small: { when: 'bid < 1', ...NULL },
      },
      otherwise: {
        use: 'tee',
        branches: [
          { use: 'jsonl', path: 'rest' },
          { ...NULL, queue: { rows: 5 } },
        ],
      },
    },
  },
  { name: 'files', source: CSV, sink: { use: 'csv', path: 'out.csv', delimiter: ';' } },
];

describe('any spec', () => {
  it(
    'is resolved or refused at once, with problems that are short',
    async () => {
      await fuzz(mutated(...GOOD), 60, (spec) => bounded(() => resolveSpec(spec)));
    },
    FUZZ_MS_MAX,
  );
});
