// A provider from outside of the package, written by hand: it imports nothing of Tickloom.
import { z } from 'zod';

export default {
  kind: 'provider',
  contract: 1,
  name: 'outside-venue',
  summary: 'Trades of a venue.',
  mayChange: ['url'],
  capabilities: {
    assetClasses: ['crypto'],
    streams: { trades: { delivery: 'live-only', columns: ['size'] } },
    history: { trades: { columns: ['size'] } },
  },
  options: async () =>
    z.strictObject({
      url: z.string().default('https://venue'),
      apiKey: z
        .string('expected a key')
        .min(8, 'expected a key of 8 characters or more')
        .meta({ writeOnly: true }),
    }),
  load: async () => (options) => ({
    async historicalTicks({ symbol, fromMs, cursor }, writer) {
      const first = cursor ?? 0;
      for (let i = first; i < first + 2; i++) {
        writer.write({ symbol, timeMs: fromMs + i * 1_000, price: i + 1, size: options.apiKey.length });
      }
      return first + 2 < 6 ? first + 2 : null;
    },
  }),
};
