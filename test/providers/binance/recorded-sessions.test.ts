import { afterEach, describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import { type Market, recordedSession, sessionFacts } from '../../support/binance/recorded-frames.js';
import { bookOf } from '../../support/binance-venue/book-of.js';
import { expectToldTrades } from '../../support/binance-venue/told-trades.js';
import { BinanceVenue, type VenueOptions } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';
import { hasRecordedData, recordedTitle } from '../../support/recorded-data.js';

const MARKETS: readonly Market[] = ['spot', 'usdm'];
let venue: BinanceVenue | undefined;

async function startVenue(
  market: Market,
  options: Omit<VenueOptions, 'session'> = {},
): Promise<BinanceVenue> {
  venue = await BinanceVenue.start({ session: recordedSession(market), ...options });
  return venue;
}

afterEach(async () => {
  await venue?.close();
  venue = undefined;
});

const idsOf = (rows: readonly Row[]) => rows.map(({ sequence }) => Number(sequence));

function bookFacts(market: Market) {
  const { last_u, best_bid, best_ask, bid_levels, ask_levels } =
    sessionFacts(market).book_after_last_depth_message;
  return { last_u, best_bid: best_bid.map(Number), best_ask: best_ask.map(Number), bid_levels, ask_levels };
}

describe.runIf(hasRecordedData)(recordedTitle('a recorded session of Binance, played back'), () => {
  for (const market of MARKETS) {
    it(`gives the trades of ${market}, and bars of them, with the counts and last prices of the facts`, async () => {
      const facts = sessionFacts(market);
      const trades = venuePipeline(await startVenue(market), { stream: 'trades' });
      expect(await trades.playThrough()).toMatchObject({ outcome: 'completed' });
      const rows = trades.rows();
      expect(rows).toHaveLength(facts.messages_by_channel.trade);
      expect(idsOf(rows)).toEqual(venue!.ledger.trade.sent);
      expect(rows.reduce((sum, { size }) => sum + (size as number), 0)).toBeCloseTo(
        Number(facts.trade_qty.sum),
        6,
      );
      expect(trades.records('gap')).toEqual([]);
      await venue!.close();

      const bars = venuePipeline(
        await startVenue(market),
        { stream: 'trades' },
        { operators: [{ use: 'bars', every: '1m' }] },
      );
      expect(await bars.playThrough()).toMatchObject({ outcome: 'completed' });
      const of = bars.rows() as unknown as {
        count: number;
        volume: number;
        close: number;
        high: number;
        low: number;
      }[];
      expect(of.reduce((sum, { count }) => sum + count, 0)).toBe(facts.messages_by_channel.trade);
      expect(of.reduce((sum, { volume }) => sum + volume, 0)).toBeCloseTo(Number(facts.trade_qty.sum), 6);
      expect(of.at(-1)!.close).toBe(rows.at(-1)!.price);
      expect(Math.max(...of.map(({ high }) => high))).toBe(Number(facts.trade_price.max));
      expect(Math.min(...of.map(({ low }) => low))).toBe(Number(facts.trade_price.min));
    });

    it(`gives the quotes of ${market}, the last one as in the facts`, async () => {
      const { bookTicker, messages_by_channel } = sessionFacts(market);
      const quotes = venuePipeline(await startVenue(market), { stream: 'quotes' });
      expect(await quotes.playThrough()).toMatchObject({ outcome: 'completed' });
      const rows = quotes.rows();
      expect(rows).toHaveLength(messages_by_channel.bookTicker);
      const { bid, ask, bid_qty, ask_qty, u } = bookTicker.last;
      expect(rows.at(-1)).toMatchObject({
        bid: Number(bid),
        ask: Number(ask),
        bidSize: Number(bid_qty),
        askSize: Number(ask_qty),
        sequence: BigInt(u),
      });
    });

    it(`gives a book of ${market} that ends as in the facts`, async () => {
      const book = venuePipeline(await startVenue(market), { stream: 'book' });
      expect(await book.playThrough()).toMatchObject({ outcome: 'completed' });
      expect(bookOf(book.items)).toMatchObject({ ...bookFacts(market), clears: 2 });
      expect(book.records('gap')).toEqual([]);
    });

    it(`gives a book of ${market} that ends as in the facts, although its snapshot is slow`, async () => {
      const book = venuePipeline(await startVenue(market, { snapshotFrames: 2_000 }), { stream: 'book' });
      expect(await book.playThrough()).toMatchObject({ outcome: 'completed' });
      expect(bookOf(book.items)).toMatchObject({ ...bookFacts(market), clears: 2 });
    });

    it(`begins a book of ${market} anew after a drop and after a lost update, and it ends as in the facts`, async () => {
      const faults = [
        { at: 15_000, what: 'drop', missing: 500 },
        { at: 30_000, what: 'lose', frames: 300 },
      ] as const;
      const book = venuePipeline(await startVenue(market, { faults }), { stream: 'book' });
      expect(await book.playThrough()).toMatchObject({ outcome: 'completed' });
      expect(bookOf(book.items)).toMatchObject({ ...bookFacts(market), clears: 6 });
      expect(book.records('gap').length).toBeGreaterThanOrEqual(2);
    });

    it(`gives each trade of ${market} that was sent once, whatever breaks, and tells of a gap where it reconnects`, async () => {
      const faults = [
        { at: 2_000, what: 'double' },
        { at: 5_000, what: 'drop', missing: 700 },
        { at: 12_000, what: 'drop' },
        { at: 20_000, what: 'garble' },
      ] as const;
      const trades = venuePipeline(await startVenue(market, { faults }), { stream: 'trades' });
      expect(await trades.playThrough()).toMatchObject({ outcome: 'completed' });
      expect(expectToldTrades(venue!, trades)).toBeGreaterThan(50);
    });
  }
});
