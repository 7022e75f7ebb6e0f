import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedSession } from '../../support/binance/generated-session.js';
import type { Market } from '../../support/binance/recorded-frames.js';
import { bookOf } from '../../support/binance-venue/book-of.js';
import { expectToldTrades } from '../../support/binance-venue/told-trades.js';
import { BinanceVenue } from '../../support/binance-venue/venue.js';
import type { VenueFault } from '../../support/binance-venue/venue-faults.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';
import { tried } from '../../support/deep.js';

const RUNS = tried(12, 60, 200);
const FRAMES = 4_000;
const SESSIONS = { spot: generatedSession('spot', FRAMES, 3), usdm: generatedSession('usdm', FRAMES, 4) };

/** The last hundreds of frames have none, so that a book has time to be whole again. */
const faultAt = fc.integer({ min: 1, max: FRAMES - 800 });
const frames = fc.integer({ min: 1, max: 60 });
const fault = fc.oneof(
  fc.record({ at: faultAt, what: fc.constant('drop' as const), missing: frames }),
  fc.record({ at: faultAt, what: fc.constant('double' as const) }),
  fc.record({ at: faultAt, what: fc.constant('garble' as const) }),
  fc.record({ at: faultAt, what: fc.constant('lose' as const), frames }),
);
const script = fc
  .uniqueArray(fault, { minLength: 1, maxLength: 4, selector: ({ at }) => Math.floor(at / 100) })
  .map((faults): readonly VenueFault[] => faults);
const market = fc.constantFrom<Market>('spot', 'usdm');

async function withVenue(
  of: Market,
  faults: readonly VenueFault[],
  look: (venue: BinanceVenue) => Promise<void>,
) {
  const venue = await BinanceVenue.start({ session: SESSIONS[of], faults, snapshotFrames: 20 });
  try {
    await look(venue);
  } finally {
    await venue.close();
  }
}

const ids = (rows: readonly { readonly sequence?: unknown }[]) =>
  rows.map(({ sequence }) => Number(sequence));

describe('a stream of Binance, under faults of the venue by chance', () => {
  it('has each trade that was sent once and in order, and gaps over those that were missed by a reconnect', async () => {
    let missed = 0;
    await fc.assert(
      fc.asyncProperty(market, script, (of, faults) =>
        withVenue(of, faults, async (venue) => {
          const trades = venuePipeline(venue, { stream: 'trades' });
          expect(await trades.playThrough()).toMatchObject({ outcome: 'completed' });
          missed += expectToldTrades(venue, trades);
        }),
      ),
      { numRuns: RUNS },
    );
    expect(missed).toBeGreaterThan(0); // or no gap would have been looked for
  }, 300_000);

  it('has each quote that was sent once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(market, script, (of, faults) =>
        withVenue(of, faults, async (venue) => {
          const quotes = venuePipeline(venue, { stream: 'quotes' });
          expect(await quotes.playThrough()).toMatchObject({ outcome: 'completed' });
          expect(ids(quotes.rows())).toEqual(venue.ledger.bookTicker.sent);
        }),
      ),
      { numRuns: RUNS },
    );
  }, 300_000);

  it("ends with the venue's book, whatever was missing", async () => {
    let holes = 0;
    await fc.assert(
      fc.asyncProperty(market, script, (of, faults) =>
        withVenue(of, faults, async (venue) => {
          const book = venuePipeline(venue, { stream: 'book' });
          const isWhole = () => bookOf(book.items).last_u === venue.book.lastUpdateId;
          expect(await book.playThrough(isWhole)).toMatchObject({ outcome: 'completed' });
          const { bids, asks, lastUpdateId } = venue.book;
          const found = bookOf(book.items);
          expect(found).toMatchObject({ last_u: lastUpdateId, bid_levels: bids.size, ask_levels: asks.size });
          const numbers = (side: Map<string, string>) =>
            [...side].map(([price, size]): [number, number] => [Number(price), Number(size)]);
          expect(found.sides.bid).toEqual(new Map(numbers(bids)));
          expect(found.sides.ask).toEqual(new Map(numbers(asks)));
          if (found.clears > 2) holes++;
        }),
      ),
      { numRuns: RUNS },
    );
    expect(holes).toBeGreaterThan(0);
  }, 300_000);
});
