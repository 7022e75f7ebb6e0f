// A venue that loses all of its connections at once: see network-storm.test.ts.
import { keepConnected } from 'tickloom/network';
import { defineProvider } from 'tickloom/stages';
import { z } from 'zod';

const createStormVenue = ({ url }, context) => ({
  async streamTrades({ symbols }, writer, signal) {
    await keepConnected({
      provider: 'storm-venue',
      context,
      writer,
      signal,
      url,
      connectCost: 1,
      backOff: { firstMs: 5, msMax: 20 },
      subscriptions: {
        channels: symbols,
        channelsPerMessage: 1,
        cost: 1,
        message: ([symbol], id) => JSON.stringify({ subscribe: symbol, id }),
      },
      session: (connection) => ({
        frame(frame) {
          const { s, ms, n } = JSON.parse(frame.text());
          connection.rows(ms);
          writer.trade(writer.symbolId(s), ms, 0, 100, 1, 0, n);
        },
      }),
    });
  },
});

export default defineProvider({
  name: 'storm-venue',
  summary: 'Loses all of its connections at once.',
  contract: 1,
  capabilities: {
    assetClasses: ['crypto'],
    streams: { trades: { delivery: 'live-only', columns: ['size'] } },
  },
  options: async () => z.strictObject({ url: z.string() }),
  load: async () => createStormVenue,
});
