import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../src/core/provider-error.js';
import type { ProviderDefinition } from '../../src/providers/contract/define-provider.js';
import { assertProvider, evidenceTable, ProviderCheckError } from '../../src/testing/check-provider.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { broken, check, failures, NOW_MS, OPTIONS, SOUND, withCapabilities } from './sound-provider.js';

/** Pages that were asked for, over all providers. */
let calls = 0;

describe('the checks of a provider', () => {
  it('pass for one that keeps the contract, with a line of evidence each', async () => {
    const report = await assertProvider(fakeProvider(SOUND), { ...OPTIONS, clock: new VirtualClock() });
    const results = report.checks.map(({ id, result }) => `${id} ${result}`);
    expect(results).toEqual([
      'declaration passed',
      'options passed',
      'symbols passed',
      'functions passed',
      'made-quietly passed',
      ...['trades', 'book', 'bars'].flatMap((kind) => [
        `stream-rows:${kind} passed`,
        `stream-end:${kind} passed`,
        `stream-aborted:${kind} passed`,
        `stream-gate:${kind} passed`,
      ]),
      'history-rows:trades passed',
      'history-again:trades passed',
      'history-end:trades passed',
      'history-gate:trades passed',
      'history-retry:trades passed',
      'instruments passed',
      'options-chain passed',
      'errors left out',
      'close passed',
    ]);
    const table = evidenceTable(report).split('\n');
    expect(table).toHaveLength(2 + report.checks.length);
    expect(table.at(-2)).toBe(
      '| `errors` | fails with an error of the right kind where its options are wrong | left out | no "wrongOptions" were given |',
    );
  });

  it('throw one error for a test, with everything that is wrong', async () => {
    const provider = fakeProvider({ trades: [{ fail: 'entitlement' }] });
    const error = await assertProvider(provider, { symbols: ['BTC'], clock: new VirtualClock() }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ProviderCheckError);
    expect((error as Error).message).toContain('stream-rows:trades: failed (entitlement): ');
    expect((error as Error).message).toContain('expected 1 rows within 10000 ms, found 0');
  });

  it('go no further than a declaration that is none', async () => {
    const { checks } = await check({ ...fakeProvider(SOUND), contract: 3 as never });
    expect(checks.map(({ id, result }) => [id, result])).toEqual([['declaration', 'failed']]);
  });

  it.each<[string, string, ProviderDefinition, string]>([
    [
      'a function that is missing',
      'functions',
      broken(() => ({ instruments: undefined as never })),
      'has no function "instruments"',
    ],
    [
      'options that are not strict',
      'options',
      broken(() => ({}), {
        options: async () =>
          ({
            safeParse: (data: unknown) => ({ success: true, data }),
            toJSONSchema: () => ({ type: 'object' }),
          }) as never,
      }),
      'accepts an option "no-such-option"',
    ],
    [
      'a call as it is made',
      'made-quietly',
      broken((_, { gate }) => {
        void gate.call(() => {});
        return {};
      }),
      'called its gate 1 times',
    ],
    [
      'a timer as it is made',
      'made-quietly',
      broken((_, { clock }) => {
        clock.setTimeout(() => {}, 3_600_000);
        return {};
      }),
      'set a timer',
    ],
    [
      'symbols that it does not have',
      'symbols',
      broken(() => ({}), withCapabilities({ symbols: ['ETH'] })),
      'found "BTC"',
    ],
    [
      'a stream that is resumable without a history for it',
      'declaration',
      broken(
        () => ({}),
        withCapabilities({ streams: { trades: { delivery: 'resumable', columns: ['side'] } } }),
      ),
      'streams.trades is resumable: expected a history of trades with its columns',
    ],
    [
      'rows of another symbol',
      'stream-rows:bars',
      broken(() => ({
        streamBars: async (_request, writer, signal) => {
          for (const symbol of ['BTC', 'ETH'])
            writer.write({ symbol, timeMs: NOW_MS, open: 1, high: 1, low: 1, close: 1 });
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      })),
      'is of a symbol that was not asked for',
    ],
    [
      'a bar that is none',
      'stream-rows:bars',
      fakeProvider({ ...SOUND, bars: [{ bar: { symbol: 'BTC', open: 9, high: 3, low: 1, close: 2 } }] }),
      'its open or close is not between low and high',
    ],
    [
      'a book without a snapshot',
      'stream-rows:book',
      fakeProvider({ ...SOUND, book: [{ level: { symbol: 'BTC', side: 'bid', price: 1, size: 1 } }] }),
      'expected a book to begin with a "reset"',
    ],
    [
      'times in the wrong unit',
      'stream-rows:trades',
      fakeProvider({
        ...SOUND,
        trades: [{ trade: { symbol: 'BTC', timeMs: 1_700_000_000, price: 1, size: 1 } }],
      }),
      'its time is far from now',
    ],
    [
      'a size below zero',
      'stream-rows:trades',
      fakeProvider({ ...SOUND, trades: [{ trade: { symbol: 'BTC', price: 1, size: -1 } }] }),
      'its size is below 0',
    ],
    ['no rows', 'stream-rows:trades', fakeProvider({ ...SOUND, trades: [{ stall: true }] }), 'found 0'],
    [
      'a stream that ends by itself',
      'stream-rows:trades',
      fakeProvider({ ...SOUND, trades: [...(SOUND.trades as never[]), { end: true }] }),
      'returned although nobody told it to end',
    ],
    [
      'a stream that does not listen',
      'stream-end:trades',
      fakeProvider({ ...SOUND, trades: [{ deaf: true }, { trade: { symbol: 'BTC', price: 1, size: 1 } }] }),
      'goes on 10000 ms after its signal has aborted',
    ],
    [
      'rows after the end',
      'stream-end:trades',
      fakeProvider({
        ...SOUND,
        trades: [
          { deaf: true },
          { trade: { symbol: 'BTC', price: 1, size: 1 } },
          { afterMs: 1_000, trade: { symbol: 'BTC', price: 2, size: 1 } },
        ],
      }),
      'wrote 1 rows or records after its signal had aborted',
    ],
    [
      'an error where it is told to end',
      'stream-end:trades',
      broken(() => ({
        streamTrades: async (_request, writer, signal) => {
          writer.write({ symbol: 'BTC', timeMs: NOW_MS, price: 1, size: 1 });
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw new Error('socket closed');
        },
      })),
      'found an error: socket closed',
    ],
    [
      'a stream past its gate',
      'stream-gate:trades',
      broken(() => ({
        streamTrades: async (_request, writer, signal) => {
          writer.write({ symbol: 'BTC', timeMs: NOW_MS, price: 1, size: 1 });
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      })),
      'has rows although its gate has let no call through',
    ],
    [
      'a stream that begins after its end',
      'stream-aborted:trades',
      broken(() => ({
        streamTrades: async (_request, writer) => {
          writer.write({ symbol: 'BTC', timeMs: NOW_MS, price: 1, size: 1 });
        },
      })),
      'wrote rows although it was told to end',
    ],
    [
      'a history past its gate',
      'history-gate:trades',
      broken(() => ({ historicalTicks: async () => null })),
      'gave a page although its gate has let no call through',
    ],
    [
      'a history outside of its span',
      'history-rows:trades',
      broken(() => ({
        historicalTicks: async ({ symbol, toMs }, writer) => {
          writer.write({ symbol, timeMs: toMs, price: 1, size: 1 });
          return null;
        },
      })),
      'is after what was asked for',
    ],
    [
      'a history that does not move on',
      'history-rows:trades',
      broken(() => ({ historicalTicks: async () => 'same' })),
      'gave the cursor "same" again',
    ],
    [
      'a cursor that no checkpoint can hold',
      'history-rows:trades',
      broken(() => ({ historicalTicks: async () => new Date() as never })),
      'expected a cursor of plain data',
    ],
    [
      'a history that differs',
      'history-again:trades',
      broken((_, { gate }) => {
        return {
          historicalTicks: async ({ symbol, fromMs }, writer, signal) => {
            await gate.call(() => {}, { signal });
            writer.write({ symbol, timeMs: fromMs, price: ++calls, size: 1 });
            return null;
          },
        };
      }),
      'gave other rows or another cursor for the same cursor',
    ],
    [
      'a history that does not listen',
      'history-end:trades',
      broken(() => ({ historicalTicks: () => new Promise<never>(() => {}) })),
      'goes on 10000 ms after its signal has aborted',
    ],
    [
      'instruments without the symbol',
      'instruments',
      fakeProvider({ ...SOUND, instruments: [{ symbol: 'ETH', assetClass: 'crypto' }] }),
      'its instruments have no "BTC"',
    ],
    [
      'a list that is none',
      'instruments',
      broken(() => ({ instruments: async () => [] as never })),
      'expected a page { items, next }',
    ],
    [
      'a timer that is left behind',
      'close',
      broken((sound, { clock }) => ({
        connect(signal) {
          clock.setTimeout(() => {}, 3_600_000);
          return sound.connect?.(signal);
        },
      })),
      'left a timer behind',
    ],
    [
      'no end to its end',
      'close',
      broken(() => ({ close: () => new Promise<never>(() => {}) })),
      'not closed within',
    ],
    [
      'no connection',
      'stream-rows:trades',
      fakeProvider({ ...SOUND, connectMs: 60_000 }),
      'did not connect within 10000 ms',
    ],
  ])('find %s', async (_, id, provider, message) => {
    const found = await failures(provider);
    expect(found[id]?.join('\n') ?? 'nothing').toContain(message);
  });

  it('find an error of the wrong kind where options are wrong, and none', async () => {
    const definition = (kind: 'authentication' | 'unavailable' | undefined): ProviderDefinition =>
      broken(() => ({
        connect: () => (kind ? Promise.reject(new ProviderError(kind, 'wrong key')) : Promise.resolve()),
      }));
    const wrongOptions = [{ options: {}, kind: 'authentication' }] as const;
    expect((await failures(definition('authentication'), { wrongOptions })).errors).toBeUndefined();
    expect((await failures(definition('unavailable'), { wrongOptions })).errors).toEqual([
      'expected an error of kind authentication, found unavailable: wrong key',
    ]);
    expect((await failures(definition(undefined), { wrongOptions })).errors).toEqual([
      'expected an error of kind authentication, found none',
    ]);
  });
});
