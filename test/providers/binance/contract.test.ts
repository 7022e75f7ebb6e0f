import { afterEach, describe, expect, it } from 'vitest';
import providers from '../../../src/providers/binance/component.js';
import { assertProvider } from '../../../src/testing/check-provider.js';
import { GENERATED_START_MS, generatedSession } from '../../support/binance/generated-session.js';
import { API_KEY, BinanceVenue } from '../../support/binance-venue/venue.js';

let venue: BinanceVenue;
afterEach(() => venue.close());

const isoAt = (ms: number) => new Date(GENERATED_START_MS + ms).toISOString();

describe('the providers of Binance', () => {
  for (const provider of providers) {
    it(`keep the provider contract: ${provider.name}`, async () => {
      const market = provider.name === 'binance-spot' ? 'spot' : 'usdm';
      venue = await BinanceVenue.start({ session: generatedSession(market, 50_000, 1, 25), knowsAll: true });
      venue.skip(10_000); // 250 s: the span of history has passed
      venue.playSlowly(4, 5); // a minute of it ends every three seconds at most
      const { options, ...more } = { options: { ...venue.options, apiKey: API_KEY }, watchMs: 100 };
      const wrongKey = { options: { ...options, apiKey: 'not-the-key' }, kind: 'authentication' } as const;
      const elsewhere = { ...options, restUrl: `${options.restUrl}/nowhere` };
      const { checks } = await assertProvider(provider, {
        options,
        symbols: ['BTCUSDT'],
        history: { from: isoAt(10_000), to: isoAt(200_000) },
        clock: venue.clock(),
        wrongOptions: [
          ...(provider.name === 'binance-usdm' ? [wrongKey] : []),
          { options: elsewhere, kind: 'not-found' },
        ],
        ...more,
      });
      const leftOut = checks.filter(({ result }) => result === 'left out').map(({ id }) => id);
      expect(leftOut).toEqual(['options-chain']);
    });
  }
});
