// What Tickloom reads of this package: see "tickloom" in package.json.
// @ts-check
import { defineProvider } from 'tickloom/stages';

export default defineProvider({
  name: 'example-venue',
  summary: 'Trades of a made-up venue: live, and from its history.',
  contract: 1,
  capabilities: {
    assetClasses: ['crypto'],
    streams: {
      trades: {
        delivery: 'resumable',
        columns: ['size', 'side', 'received'],
        sequence: { space: 'example-venue-trades', scope: 'symbol', step: 'one' },
      },
    },
    history: {
      trades: {
        columns: ['size', 'side'],
        sequence: { space: 'example-venue-trades', scope: 'symbol', step: 'one' },
        since: '2024-01-01T00:00:00Z',
      },
    },
    instruments: true,
    symbolsMax: 50,
    rates: [{ scope: 'rest', permits: 100, perMs: 1_000 }],
    calendars: { crypto: '24/7' },
  },
  mayChange: ['url', 'apiKey'],
  options: async () => (await import('./options.js')).Options,
  load: async () => (await import('./venue.js')).createVenue,
});
