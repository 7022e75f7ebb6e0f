import { describe, expect, it } from 'vitest';
import type { ProviderDefinition } from '../../src/providers/contract/define-provider.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import { broken, failures, NOW_MS, SOUND } from './sound-provider.js';

const BTC = { symbol: 'BTC', assetClass: 'crypto' } as const;
const BTC_CALL = { symbol: 'C', underlying: 'BTC', right: 'call', strike: 1, expiry: '2024-12-27' } as const;
let calls = 0;

const abortOf = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

describe('the checks of pages', () => {
  it.each<[string, string, ProviderDefinition, string]>([
    [
      'instruments with one cursor for ever',
      'instruments',
      broken(() => ({ instruments: async () => ({ items: [BTC], next: 7 }) })),
      'gave the cursor 7 again',
    ],
    [
      'an options chain with one cursor for ever',
      'options-chain',
      broken(() => ({ optionsChain: async () => ({ items: [BTC_CALL], next: 7 }) })),
      'gave the cursor 7 again',
    ],
    [
      'instruments with ever new cursors',
      'instruments',
      broken(() => ({ instruments: async () => ({ items: [BTC], next: ++calls }) })),
      'does not end within 100 pages',
    ],
    [
      'an options chain with ever new cursors',
      'options-chain',
      broken(() => ({ optionsChain: async () => ({ items: [BTC_CALL], next: ++calls }) })),
      'does not end within 100 pages',
    ],
    [
      'a list with a cursor that is no plain data',
      'instruments',
      broken(() => ({ instruments: async () => ({ items: [BTC], next: new Date() as never }) })),
      'expected a cursor of plain data',
    ],
    [
      'a history with ever new cursors',
      'history-rows:trades',
      broken(() => ({ historicalTicks: async () => ++calls })),
      'does not end within 100 pages',
    ],
    [
      'a history whose cursors go round',
      'history-rows:trades',
      broken(() => ({ historicalTicks: async ({ cursor }) => (cursor === 'a' ? 'b' : 'a') })),
      'gave the cursor "a" again',
    ],
    [
      'a history that fails instead of waiting for its gate',
      'history-gate:trades',
      broken((_, { gate }) => ({
        historicalTicks: async (_request, _writer, signal) => {
          void gate.call(() => {}, { signal }).catch(() => {});
          throw new TypeError('page is undefined');
        },
      })),
      'failed while its gate let no call through: page is undefined',
    ],
    [
      'rows that are written before the gate has let them pass',
      'history-retry:trades',
      broken((_, { gate }) => ({
        historicalTicks: async ({ symbol, fromMs }, writer, signal) => {
          await gate.call(() => writer.write({ symbol, timeMs: fromMs, price: 1, size: 1 }), { signal });
          return null;
        },
      })),
      'write only after gate.call has resolved',
    ],
    [
      'a page that moves on with each attempt',
      'history-retry:trades',
      broken((_, { gate }) => {
        let page = 0;
        return {
          historicalTicks: async ({ symbol, fromMs }, writer, signal) => {
            const at = await gate.call(() => page++, { signal });
            writer.write({ symbol, timeMs: fromMs + at, price: 1, size: 1 });
            return at < 5 ? at : null;
          },
        };
      }),
      'gave other rows or another cursor where its gate made the call again',
    ],
    [
      'a second attempt that fails',
      'history-retry:trades',
      broken((_, { gate }) => ({
        historicalTicks: async (_request, _writer, signal) => {
          let isSent = false;
          await gate.call(
            () => {
              if (isSent) throw new Error('body is used');
              isSent = true;
            },
            { signal },
          );
          return null;
        },
      })),
      'failed: body is used',
    ],
    [
      'a list that is filled by each attempt',
      'instruments',
      broken((_, { gate }) => ({
        instruments: async (_request, signal) => {
          const items: (typeof BTC)[] = [];
          await gate.call(() => items.push(BTC), { signal });
          return { items, next: null };
        },
      })),
      'gave other items where its gate made the calls again',
    ],
    [
      'a chain that is filled by each attempt',
      'options-chain',
      broken((_, { gate }) => ({
        optionsChain: async (_request, signal) => {
          const items: (typeof BTC_CALL)[] = [];
          await gate.call(() => items.push(BTC_CALL), { signal });
          return { items, next: null };
        },
      })),
      'gave other items where its gate made the calls again',
    ],
    [
      'a history that says it is at its end where it was told to end',
      'history-end:trades',
      broken((_, { gate }) => ({
        historicalTicks: async (_request, _writer, signal) => {
          await gate.call(() => {}, { signal }).catch(() => {});
          return null;
        },
      })),
      'expected the reason of its signal, found a page',
    ],
  ])('find %s', async (_, id, provider, message) => {
    expect((await failures(provider))[id]?.join('\n') ?? 'nothing').toContain(message);
  });

  it('allow as many pages as are asked for', async () => {
    const instruments = Array.from({ length: 150 }, (_, i) =>
      i === 149 ? BTC : { ...BTC, symbol: `S${i}` },
    );
    const provider = fakeProvider({ ...SOUND, instruments }); // 100 a page
    expect(await failures(provider, { pagesMax: 2 })).not.toHaveProperty('instruments');
    expect(await failures(provider, { pagesMax: 1 })).toMatchObject({
      instruments: [expect.stringContaining('does not end within 1 pages')],
    });
  });

  it('want rows of each symbol that they are given', async () => {
    const trades = [{ trade: { symbol: 'BTC', price: 1, size: 1 } }];
    const found = await failures(fakeProvider({ ...SOUND, trades }), { symbols: ['BTC', 'ETH'] });
    expect(found['stream-rows:trades']).toEqual(['expected rows of "ETH" within 10000 ms, found none']);
    expect(found['history-rows:trades']).toEqual(['expected rows of "ETH" in the span, found none']);
  });
});

describe('the checks of a stream', () => {
  it.each<[string, string, ProviderDefinition, string]>([
    [
      'an error where it was told to end before',
      'stream-aborted:trades',
      broken(() => ({
        streamTrades: async () => {
          throw new TypeError('socket is undefined');
        },
      })),
      'expected it to return once it is told to end, found an error: socket is undefined',
    ],
    [
      'an error while its gate is shut',
      'stream-gate:trades',
      broken((_, { gate }) => ({
        streamTrades: async (_request, _writer, signal) => {
          void gate.call(() => {}, { signal }).catch(() => {});
          throw new TypeError('socket is undefined');
        },
      })),
      'failed while its gate let no call through: socket is undefined',
    ],
    [
      'a return while its gate is shut',
      'stream-gate:trades',
      broken((_, { gate }) => ({
        streamTrades: async (_request, _writer, signal) => {
          void gate.call(() => {}, { signal }).catch(() => {});
        },
      })),
      'returned while its gate let no call through',
    ],
    [
      'an error where it is told to end while its gate is shut',
      'stream-gate:trades',
      broken((_, { gate }) => ({
        streamTrades: async (_request, _writer, signal) => {
          await gate
            .call(() => {}, { signal })
            .catch(() => {
              throw new TypeError('socket is undefined');
            });
        },
      })),
      'expected it to return once it is told to end, found an error: socket is undefined',
    ],
  ])('find %s', async (_, id, provider, message) => {
    expect((await failures(provider))[id]?.join('\n') ?? 'nothing').toContain(message);
  });

  it('watch for its end as long as they were told to', async () => {
    const provider = broken((_, { clock }) => ({
      streamTrades: async (_request, writer, signal) => {
        writer.write({ symbol: 'BTC', timeMs: NOW_MS, price: 1, size: 1 });
        const ended = new Promise<void>((resolve) => clock.setTimeout(resolve, 30_000));
        await Promise.race([ended, abortOf(signal)]);
      },
    }));
    const found = async (watchMs: number) =>
      (await failures(provider, { watchMs, graceMs: 1_000 }))['stream-rows:trades'];
    expect(await found(29_000)).toBeUndefined();
    expect(await found(31_000)).toEqual(['returned although nobody told it to end']);
  });
});
