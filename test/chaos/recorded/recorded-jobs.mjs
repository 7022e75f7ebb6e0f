/** Jobs over recorded market data, and the inputs that they read. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, inflateRawSync } from 'node:zlib';

const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const DYING = fileURLToPath(new URL('dying-operator.mjs', import.meta.url));

/** Whether the recorded data is beside the repository; it is in no package and no clone. */
export const hasRecordedData = existsSync(join(DATA, 'facts.json'));

/** Archives with one file each, and what becomes of it. */
const INPUTS = {
  'equity-ticks-lean/spy/20131007_trade.zip': '20131007_spy.csv',
  'equity-ticks-lean/aig/20131007_trade.zip': '20131007_aig.csv',
  'equity-ticks-lean/aig/20131007_quote.zip': '20131007_aig_quotes.csv',
  'fx-ticks-lean/fxcm-eurusd/20140508_quote.zip': '20140508_FXCM.csv.gz',
  'fx-ticks-lean/oanda-eurusd/20140508_quote.zip': '20140508_OANDA.csv.gz',
};

/** Unpacks the recordings into a folder. */
export function prepareInputs(folder) {
  mkdirSync(folder, { recursive: true });
  for (const [zip, name] of Object.entries(INPUTS)) {
    const content = onlyFileOf(readFileSync(join(DATA, zip)));
    writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(content) : content);
  }
}

/** The one file of an archive, deflated, by its central directory (APPNOTE 4.3.12). */
function onlyFileOf(zip) {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const entry = zip.readUInt32LE(end + 16);
  const local = zip.readUInt32LE(entry + 42);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  return inflateRawSync(zip.subarray(start, start + zip.readUInt32LE(entry + 20)));
}

/**
 * The jobs, each with an operator that dies when it is told to.
 *
 * @param of.speed - How many times faster than it was recorded, or `max`.
 * @param of.names - Which of them; without it, all.
 */
export function jobsIn({ inputs, out, speed, names }) {
  const dying = (job) => ({ use: 'module', path: DYING, options: { job } });
  const newYork = { from: 1, unit: 'ms', date: 'file', zone: 'America/New_York' };
  const equity = (file, rest) => ({
    use: 'replay',
    path: join(inputs, file),
    header: false,
    columns: { time: newYork, symbol: { fromFile: '^\\d+_([a-z]+)' }, ...rest },
  });
  const price = (from) => ({ from, divideBy: 10_000 });
  const trades = (file) => ({ ...equity(file, { price: price(2), size: 3 }), kind: 'trade', speed });
  const quotes = { ...equity('20131007_aig_quotes.csv', { bid: price(2), ask: price(4) }), kind: 'quote' };
  const forex = (glob, zone) => ({
    use: 'replay',
    path: join(inputs, glob),
    header: false,
    kind: 'quote',
    columns: {
      time: { from: 1, unit: 'ms', date: 'file', zone },
      symbol: { value: 'EURUSD' },
      house: { fromFile: '_([A-Z]+)', type: 'string' },
      bid: 2,
      ask: 3,
    },
  });
  const jobs = {
    'spy-bars': {
      source: trades('20131007_spy.csv'),
      operators: [dying('spy-bars'), { use: 'bars', every: '10s' }],
      sink: { use: 'parquet', path: join(out, 'spy-bars'), rotate: { rows: 400 }, rowGroupRows: 1_024 },
    },
    'aig-asof': {
      source: trades('20131007_aig.csv'),
      operators: [
        dying('aig-asof'),
        {
          use: 'asof',
          with: quotes,
          operators: [{ use: 'filter', where: 'bid > 0' }],
          take: ['bid'],
          age: 'quoteAgeNs',
        },
      ],
      sink: { use: 'csv', path: join(out, 'aig-asof'), rotate: { rows: 1_500 } },
    },
    'eurusd-bars': {
      source: { ...forex('20140508_FXCM.csv.gz', '-05:00'), speed },
      operators: [
        { use: 'filter', where: 'ask > bid' },
        dying('eurusd-bars'),
        { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
        { use: 'bars', every: '5s', price: 'mid' },
      ],
      sink: { use: 'jsonl', path: join(out, 'eurusd-bars'), compression: 'gzip', rotate: { rows: 1_000 } },
    },
    'eurusd-asof': {
      source: { ...forex('20140508_OANDA.csv.gz', 'UTC'), speed },
      operators: [
        dying('eurusd-asof'),
        {
          use: 'asof',
          with: forex('20140508_FXCM.csv.gz', '-05:00'),
          direction: 'nearest',
          tolerance: '5s',
          take: { fxcmBid: 'bid', fxcmAsk: 'ask' },
        },
      ],
      sink: {
        use: 'csv',
        path: join(out, 'eurusd-asof'),
        compression: 'gzip',
        partitionBy: ['house', 'hour'],
        rotate: { rows: 1_500 },
      },
    },
    'spy-large': {
      source: trades('20131007_spy.csv'),
      operators: [dying('spy-large'), { use: 'filter', where: 'size >= 1000' }],
      sink: { use: 'jsonl', path: join(out, 'spy-large', 'large.jsonl.gz') },
    },
    'aig-branches': {
      source: trades('20131007_aig.csv'),
      operators: [dying('aig-branches')],
      sink: {
        use: 'tee',
        branches: [
          { use: 'parquet', path: join(out, 'aig-ticks'), rotate: { rows: 2_000 }, rowGroupRows: 1_024 },
          {
            use: 'csv',
            path: join(out, 'aig-minutes', 'minutes.csv'),
            operators: [{ use: 'bars', every: '1m' }],
            queue: { batches: 4 },
          },
          { use: 'jsonl', path: join(out, 'aig-lines'), rotate: { rows: 3_000 } },
        ],
      },
    },
  };
  return (names ?? Object.keys(jobs)).map((name) => ({ name, batchRows: 512, ...jobs[name] }));
}
