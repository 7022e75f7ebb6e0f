import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { concat, defer, filter, from, lastValueFrom, map, mergeMap, type Observable, scan, tap } from 'rxjs';
import type { QuoteRow } from './quote-rows.js';
import { type PricedRow, type RowBar, RowBars } from './row-bars.js';

/** What rows go through on their way to bars. */
export interface RowWork {
  keeps(quote: QuoteRow): boolean;
  readonly everyUs: number;
}

type Quotes = Iterable<QuoteRow> | AsyncIterable<QuoteRow>;
/** Runs quotes to their bars, and every bar to `take`. */
export type RowRun = (quotes: Quotes, work: RowWork, take: (bar: RowBar) => void) => Promise<void>;

/** A quote with its column more. */
function withMid({ time, symbol, bid, ask, bidSize, askSize }: QuoteRow): QuoteRow & PricedRow {
  return { time, symbol, bid, ask, bidSize, askSize, mid: (bid + ask) / 2 };
}

interface BarsState {
  readonly bars: RowBars;
  closed: readonly RowBar[] | undefined;
}

export const runRxjs: RowRun = async (quotes, { keeps, everyUs }, take) => {
  await lastValueFrom(
    from(quotes).pipe(filter(keeps), map(withMid), (rows) => barsOf(rows, everyUs), tap(take)),
    { defaultValue: undefined },
  );
};

function barsOf(rows: Observable<PricedRow>, everyUs: number): Observable<RowBar> {
  const state: BarsState = { bars: new RowBars(everyUs), closed: undefined };
  const closed = rows.pipe(
    scan((open: BarsState, row) => {
      open.closed = open.bars.add(row);
      return open;
    }, state),
    filter((open) => open.closed !== undefined),
    mergeMap((open) => open.closed ?? []),
  );
  return concat(
    closed,
    defer(() => state.bars.end()),
  );
}

/** Objects that a Node stream holds: with its default of 16 it is slower. */
const HIGH_WATER_MARK = 1_024;

export const runNodeStreams: RowRun = async (quotes, { keeps, everyUs }, take) => {
  const bars = new RowBars(everyUs);
  const options = { objectMode: true, highWaterMark: HIGH_WATER_MARK };
  await pipeline(
    Readable.from(quotes, options),
    new Transform({
      ...options,
      transform(quote: QuoteRow, _encoding, done) {
        if (keeps(quote)) done(null, quote);
        else done();
      },
    }),
    new Transform({
      ...options,
      transform(quote: QuoteRow, _encoding, done) {
        done(null, withMid(quote));
      },
    }),
    new Transform({
      ...options,
      transform(row: PricedRow, _encoding, done) {
        for (const bar of bars.add(row) ?? []) this.push(bar);
        done();
      },
      flush(done) {
        for (const bar of bars.end()) this.push(bar);
        done();
      },
    }),
    async (rows: AsyncIterable<RowBar>) => {
      for await (const bar of rows) take(bar);
    },
  );
};

export const runAsyncGenerators: RowRun = async (quotes, { keeps, everyUs }, take) => {
  for await (const bar of barRows(pricedRows(keptRows(quotes, keeps)), everyUs)) take(bar);
};

async function* keptRows(quotes: Quotes, keeps: RowWork['keeps']): AsyncGenerator<QuoteRow> {
  for await (const quote of quotes) if (keeps(quote)) yield quote;
}

async function* pricedRows(quotes: AsyncIterable<QuoteRow>): AsyncGenerator<PricedRow> {
  for await (const quote of quotes) yield withMid(quote);
}

async function* barRows(rows: AsyncIterable<PricedRow>, everyUs: number): AsyncGenerator<RowBar> {
  const bars = new RowBars(everyUs);
  for await (const row of rows) {
    const closed = bars.add(row);
    if (closed !== undefined) yield* closed;
  }
  yield* bars.end();
}
