import { z } from 'zod';
import { responseError } from '../../../src/core/provider-error.js';
import { defineProvider } from '../../../src/providers/contract/define-provider.js';
import type { ProviderFactory } from '../../../src/providers/contract/market-data-provider.js';
import { CONTIGUOUS_CHAIN } from '../../../src/providers/network/book-sync.js';
import { keepConnected } from '../../../src/providers/network/keep-connected.js';
import { type BookChange, SyncedBook } from '../../../src/providers/network/synced-book.js';

const Options = z.strictObject({ ws: z.string(), http: z.string(), key: z.string().default('key-0001') });
type Options = z.output<typeof Options>;

interface Snapshot {
  readonly id: number;
  readonly ms: number;
  readonly bids: readonly (readonly [number, number])[];
}

interface Change extends BookChange {
  readonly price: number;
  readonly size: number;
}

/**
 * A venue as many are: trades by message, books as changes and a snapshot by HTTP. Its messages: `{s, n, ms, p}` is a
 * trade; `{s, U, u, ms, p, q}` a change of a book.
 */
export const createSampleVenue: ProviderFactory<Options> = ({ ws, http, key }, context) => ({
  async connect(signal) {
    const url = `${http}/account?key=${key}`;
    await context.gate.call((own) => context.network.request(url, { signal: own }), { signal });
  },
  async historicalTicks({ symbol, fromMs, cursor }, writer, signal) {
    const page = Number(cursor ?? 0);
    const url = `${http}/trades?symbol=${symbol}&page=${page}&key=${key}`;
    const rows = await context.gate.call(
      async (own) => {
        const answer = await context.network.request(url, { signal: own, label: symbol });
        if (answer.status !== 200) throw responseError(answer, 'Sample', 0);
        return answer.json() as number[];
      },
      { signal },
    );
    for (const n of rows) writer.trade(writer.symbolId(symbol), fromMs + n, 0, 100 + n, 1, 0, n);
    return rows.length === 0 ? null : page + 1;
  },
  async streamTrades({ symbols }, writer, signal) {
    await keepConnected({
      provider: 'sample-venue',
      context,
      writer,
      signal,
      url: `${ws}/stream?key=${key}`,
      backOff: { firstMs: 20, msMax: 100 },
      subscriptions: {
        channels: symbols,
        message: (channels, id) => JSON.stringify({ subscribe: channels, id, apiKey: key }),
      },
      session: (connection) => ({
        frame(frame) {
          if (!frame.isText) return;
          const { s, n, ms, p } = JSON.parse(frame.text());
          if (n === undefined) return;
          connection.rows(ms);
          writer.trade(writer.symbolId(s), ms, 0, p, 1, 0, n);
        },
      }),
    });
  },
  async streamBook({ symbols }, writer, signal) {
    await keepConnected({
      provider: 'sample-venue',
      context,
      writer,
      signal,
      url: `${ws}/stream?key=${key}`,
      backOff: { firstMs: 20, msMax: 100 },
      subscriptions: {
        channels: symbols,
        message: (channels, id) => JSON.stringify({ subscribe: channels, id }),
      },
      session(connection) {
        const books = new Map(
          symbols.map((symbol) => {
            const id = writer.symbolId(symbol);
            const book = new SyncedBook<Change, Snapshot>({
              symbol,
              chain: CONTIGUOUS_CHAIN,
              context,
              writer,
              signal: connection.signal,
              fetch: async (own) => {
                const url = `${http}/depth?symbol=${symbol}&key=${key}`;
                const answer = await context.network.request(url, { signal: own, label: symbol });
                return answer.json() as Snapshot;
              },
              begin(snapshot, why) {
                writer.reset(why);
                for (const [price, size] of snapshot.bids) {
                  writer.level(id, snapshot.ms, 0, 0, price, size, 0, 1, snapshot.id);
                }
              },
              apply: ({ timeMs, price, size, last }) =>
                writer.level(id, timeMs, 0, 0, price, size, 0, 1, last),
              fail: connection.fail,
            });
            return [symbol, book];
          }),
        );
        return {
          frame(frame) {
            const { s, U, u, ms, p, q } = JSON.parse(frame.text());
            if (u === undefined) return;
            connection.rows(ms);
            books.get(s)?.change({ first: U, last: u, timeMs: ms, price: p, size: q });
          },
        };
      },
    });
  },
});

const SEQUENCE = { space: 'sample', scope: 'symbol', step: 'up' } as const;

export const sampleVenue = defineProvider({
  name: 'sample-venue',
  summary: 'A venue for tests.',
  contract: 1,
  capabilities: {
    assetClasses: ['crypto'],
    streams: {
      trades: { delivery: 'live-only', columns: ['size', 'received'], sequence: SEQUENCE },
      book: { delivery: 'live-only', columns: ['received'], sequence: SEQUENCE },
    },
    history: { trades: { columns: ['size'], sequence: SEQUENCE } },
  },
  mayChange: ['ws', 'http'],
  options: async () => Options,
  load: async () => createSampleVenue,
});
