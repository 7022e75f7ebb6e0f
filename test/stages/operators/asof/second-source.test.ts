import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../../src/columns/row-view.js';
import { systemClock } from '../../../../src/core/clock.js';
import { instantiate } from '../../../../src/plan/instantiate.js';
import { loadCatalogue } from '../../../../src/plan/load-catalogue.js';
import { resolveWithFiles } from '../../../../src/plan/resolve-spec.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { Counters } from '../../../../src/shared-memory/counters.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { askedHere } from '../../../support/asked-here.js';
import { countingSink } from '../../../support/counting-sink.js';
import { scratchFolder } from '../../../support/recorded-data.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const START_MS = 1_700_000_000_000;
const csvOf = (columns: string, ...rows: readonly (readonly (string | number)[])[]) =>
  scratch.writeNew(
    [`time,symbol,${columns}`, ...rows.map(([ms, ...rest]) => [START_MS + Number(ms), ...rest]), ''].join(
      '\n',
    ),
  );

const time = { from: 'time', unit: 'ms' };
const trades = (path: string) => ({
  use: 'replay',
  path,
  kind: 'trade',
  columns: { time, symbol: 'symbol', price: 'price' },
});
const quotes = (path: string) => ({
  use: 'replay',
  path,
  kind: 'quote',
  columns: { time, symbol: 'symbol', bid: 'bid', ask: 'ask' },
});

async function joined(asof: object, { main = TRADES, more = {} as object } = {}) {
  const rows: Row[] = [];
  const spec = uncheckedSpec({
    name: 'joined',
    batchRows: 1,
    source: trades(main),
    operators: [{ use: 'asof', take: ['bid'], ...asof }],
    sink: { use: 'null' },
    ...more,
  });
  const report = await createPipeline(spec, { sink: countingSink(rows) }).run();
  return { bids: rows.map(({ bid }) => bid), report };
}

const TRADES = csvOf('price', [10, 'A', 1], [20, 'A', 1], [30, 'A', 1]);
/** The quote of 5 ms stands behind that of 25 ms, on the fifth line. */
const OUT_OF_ORDER = csvOf(
  'bid,ask',
  [4, 'A', 14, 15],
  [15, 'A', 16, 17],
  [25, 'A', 26, 27],
  [5, 'A', 18, 19],
);
const placeOf = (file: string) => new RegExp(`${file.split('/').at(-1)}:5`);
const letters = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { file: string; line: number; field: string; reason?: string });

describe('a late row of the second source of asof', () => {
  it('stops a job that ends by itself, with its file and line', async () => {
    const { report } = await joined({ with: quotes(OUT_OF_ORDER) });
    expect(report.error).toMatchObject({ code: 'LATE_ROW', retryable: false });
    expect(report.error?.message).toMatch(placeOf(OUT_OF_ORDER));
    expect(report.error?.message).toContain('of the second source came late');
  });

  it('is dropped and counted where that is asked for', async () => {
    const { report, bids } = await joined({ with: quotes(OUT_OF_ORDER), late: 'drop' });
    expect(bids).toEqual([14, 16, 26]);
    expect(report.stages.find(({ stage }) => stage === 'operators[0]')?.statistics).toMatchObject({
      sideRowsLate: 1,
    });
    expect(report.counters).toMatchObject({ rowsIn: 3, rowsOut: 3, rowsLate: 0 });
    expect(report.leftOut).toMatchObject({ rowsDropped: 1, dropped: { late: 1 }, rowsLate: 1 });
  });

  it('goes to the dead letters where that is asked for, with its file and line', async () => {
    const path = join(scratch.folder, 'late.jsonl');
    const { report, bids } = await joined(
      { with: quotes(OUT_OF_ORDER), late: 'keep' },
      { more: { deadLetter: { path } } },
    );
    expect(report.outcome).toBe('completed');
    expect(report.leftOut).toMatchObject({ rowsDropped: 0, rowsLate: 1, rowsRejected: 1 });
    expect(bids).toEqual([14, 16, 26]);
    expect(letters(path)).toEqual([expect.objectContaining({ file: OUT_OF_ORDER, line: 5, field: 'time' })]);
  });

  it('is joined with where its source says how late rows may be', async () => {
    const late = csvOf('bid,ask', [4, 'A', 14, 15], [15, 'A', 16, 17], [8, 'A', 18, 19]);
    const { report, bids } = await joined({ with: { ...quotes(late), maxDelay: '10ms' } });
    expect(report.error).toBeUndefined();
    expect(bids).toEqual([18, 16, 16]);
  });
});

describe('a bad row of the second source of asof', () => {
  const BAD = csvOf('bid,ask', [4, 'A', 14, 15], [5, 'A', 'x', 15], [15, 'A', 16, 17]);

  it('stops the job with its file and line', async () => {
    const { report } = await joined({ with: quotes(BAD) });
    expect(report.error).toMatchObject({ code: 'ROW_INVALID' });
    expect(report.error?.message).toContain(`${BAD}:3`);
  });

  it('goes to the dead letters, and counts for its source alone', async () => {
    const path = join(scratch.folder, 'bad.jsonl');
    const { report, bids } = await joined({ with: quotes(BAD) }, { more: { deadLetter: { path } } });
    expect(bids).toEqual([14, 16, 16]);
    expect(letters(path)).toEqual([expect.objectContaining({ file: BAD, line: 3 })]);
    const side = report.stages.find(({ stage }) => stage === 'operators[0].with');
    expect(side?.statistics).toMatchObject({ rowsIn: 3, rowsRejected: 1 });
    expect(report.counters).toMatchObject({ rowsIn: 3, rowsRejected: 0, rowsOut: 3 });
  });
});

describe('code of users in the second source of asof', () => {
  it('may be a module behind it', async () => {
    const module = scratch.write(
      'wider.mjs',
      `export default {
        plan: (options, input) => input,
        create: ({ by }, input) => ({
          output: input,
          process(batch, emit) {
            const bid = batch.float64('bid');
            for (let row = 0; row < batch.length; row++) bid[row] -= by;
            emit(batch);
          },
        }),
      };`,
    );
    const side = csvOf('bid,ask', [4, 'A', 14, 15], [15, 'A', 16, 17]);
    const operators = [{ use: 'module', path: module, options: { by: 10 } }];
    const { report, bids } = await joined({ with: quotes(side), operators });
    expect(report.error).toBeUndefined();
    expect(bids).toEqual([4, 6, 6]);
  });

  it('fails the job with the name of the module', async () => {
    const module = scratch.write(
      'failing.mjs',
      `export default {
        plan: (options, input) => input,
        create: (options, input) => ({ output: input, process() { throw new Error('as asked'); } }),
      };`,
    );
    const side = csvOf('bid,ask', [4, 'A', 14, 15]);
    const { report } = await joined({ with: quotes(side), operators: [{ use: 'module', path: module }] });
    expect(report.error).toMatchObject({ code: 'OPERATOR_FAILED' });
    expect(report.error?.message).toContain(module);
  });

  /** Numbers from 1 on, one in a millisecond, from a component of a module. */
  const TICKER = { use: 'ticker', rows: 40 };

  async function withTicker(spec: object, path: string) {
    const { catalogue, problems } = await loadCatalogue(['test/plan/outside/ticker.mjs'], askedHere);
    expect(problems).toEqual([]);
    const { resolved } = await resolveWithFiles(
      { name: 'outside', batchRows: 8, sink: { use: 'jsonl', path, ifExists: 'replace' }, ...spec },
      { catalogue, userCode: askedHere },
    );
    const pipeline = await instantiate(resolved, {
      clock: systemClock,
      log: silentLogger,
      counters: new Counters(),
    });
    const report = await pipeline.run();
    expect(report.error).toBeUndefined();
    const text = readFileSync(report.outputs[0]!, 'utf8').trim();
    return text.split('\n').map((line) => JSON.parse(line) as { number: number });
  }

  it('may be the source itself', async () => {
    const rows = await withTicker(
      {
        source: trades(TRADES),
        operators: [{ use: 'asof', with: TICKER, operators: [{ use: 'scale', by: 10 }], take: ['number'] }],
      },
      join(scratch.folder, 'ticked.jsonl'),
    );
    expect(rows.map(({ number }) => number)).toEqual([110, 210, 310]);
  });

  it('may be a source of a merge', async () => {
    const rows = await withTicker(
      {
        source: {
          use: 'merge',
          sources: [
            { ...TICKER, rows: 3, operators: [{ use: 'scale', by: 10 }] },
            { ...TICKER, rows: 5 },
          ],
        },
      },
      join(scratch.folder, 'merged.jsonl'),
    );
    expect(rows.map(({ number }) => number)).toEqual([10, 1, 20, 2, 30, 3, 4, 5]);
  });
});

describe('asof where no more rows of the second source may be kept', () => {
  const side = 'Source "replay" (quotes, operators[0].with)';
  const ofSymbols = (...symbols: string[]) =>
    csvOf('bid,ask', ...symbols.map((symbol, i) => [2 * i + 1, symbol, 1, 2] as const));

  it('names a second source that lags with one symbol', async () => {
    const file = ofSymbols(...new Array<string>(14).fill('B'), 'A');
    const { report } = await joined({
      with: { ...quotes(file), name: 'quotes', order: 'listed' },
      rowsMax: 5,
    });
    expect(report.error).toMatchObject({ code: 'INPUT_LAGS', retryable: false });
    expect(report.error?.message).toContain(
      `${side} lags with its rows of "A": a row at 2023-11-14T22:13:20.01`,
    );
    expect(report.error?.message).toContain('`order: time` of replay');
  });

  it('says what to do about a row that waits for a later one however long', async () => {
    const file = ofSymbols(...new Array<string>(14).fill('B'));
    const { report } = await joined({
      with: { ...quotes(file), name: 'quotes' },
      direction: 'forward',
      rowsMax: 5,
    });
    expect(report.error).toMatchObject({ code: 'INPUT_LAGS' });
    expect(report.error?.message).toContain(`${side} lags with its rows of "A"`);
    expect(report.error?.message).toContain('set "tolerance"');
  });

  it('names the rows where it is them that lag', async () => {
    const file = ofSymbols('B', 'A', 'B', 'A', 'B', 'A', 'B', 'A', 'B', 'A', 'B', 'A');
    const { report } = await joined(
      { with: { ...quotes(file), name: 'quotes' }, rowsMax: 5 },
      { more: { source: { ...trades(TRADES), order: 'listed' } } },
    );
    expect(report.error).toMatchObject({ code: 'INPUT_LAGS' });
    expect(report.error?.message).toContain(`The rows of operators[0] lag behind ${side}`);
  });

  it('drops first what is no longer needed', async () => {
    const file = csvOf('bid,ask', ...Array.from({ length: 40 }, (_, i) => [i + 1, 'A', i, i] as const));
    const { report, bids } = await joined({ with: quotes(file), direction: 'nearest', rowsMax: 5 });
    expect(report.outcome).toBe('completed');
    expect(bids).toEqual([9, 19, 29]);
  });
});
