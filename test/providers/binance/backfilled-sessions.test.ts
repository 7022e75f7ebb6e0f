import { describe, expect, it } from 'vitest';
import { generatedSession } from '../../support/binance/generated-session.js';
import { API_KEY, BinanceVenue } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';

const FAULTS = [
  { at: 1_000, what: 'drop', missing: 200 },
  { at: 2_500, what: 'lose', frames: 40 },
  { at: 4_000, what: 'garble' },
] as const;

describe('a stream of trades of Binance whose missed rows are fetched', () => {
  for (const market of ['spot', 'usdm'] as const) {
    it(`has each trade once and in order, those as well that were lost without a sign: ${market}`, async () => {
      const session = generatedSession(market, 8_000, 9);
      const venue = await BinanceVenue.start({ session, faults: FAULTS });
      const trades = venuePipeline(venue, { stream: 'trades', apiKey: API_KEY });
      expect(await trades.playThrough()).toMatchObject({ outcome: 'completed' });
      await venue.close();
      const all = session.frames
        .filter(({ channel }) => channel === 'trade')
        .map(({ bytes }) => JSON.parse(bytes.toString()).data.t as number);
      expect(trades.rows().map(({ sequence }) => Number(sequence))).toEqual(all);
      expect(trades.records('gap')).toEqual([]);
    });
  }
});
