import { describe, expect, it } from 'vitest';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import type { FakeStep } from '../../src/testing/fake-script.js';
import type { ProviderCapabilities, SequenceNumbers } from '../../src/wire/provider-capabilities.js';
import { broken, failures, trade } from './sound-provider.js';

type Numbers = Pick<SequenceNumbers, 'step' | 'scope'>;

const row = (sequence: number, symbol = 'BTC'): FakeStep => ({
  trade: { symbol, price: 1, size: 1, sequence },
});
const level = (sequence: number): FakeStep => ({
  level: { symbol: 'BTC', side: 'bid', price: 1, size: 1, sequence },
});
const gap = (symbol?: string): FakeStep => ({ gap: { fromMs: 0, toMs: 1, reason: 'sequence', symbol } });

const capabilities = (kind: 'trades' | 'book', numbers: Numbers): ProviderCapabilities => {
  const columns = kind === 'trades' ? ['size'] : [];
  const sequence = { space: 's', ...numbers };
  return { assetClasses: ['crypto'], streams: { [kind]: { delivery: 'live-only', columns, sequence } } };
};

/** What is found wrong with the rows of a stream of trades. */
async function found(numbers: Numbers, ...trades: FakeStep[]) {
  const provider = fakeProvider({ trades, capabilities: capabilities('trades', numbers) });
  const rows = trades.flatMap((step) => ('trade' in step ? [step.trade.symbol] : []));
  const options = { rowsMin: rows.length, symbols: [...new Set(rows)] };
  return (await failures(provider, options))['stream-rows:trades'];
}

async function foundInBook(...steps: FakeStep[]) {
  const numbers = { step: 'one', scope: 'symbol' } as const;
  const book = [{ reset: 'snapshot' }, ...steps];
  const provider = fakeProvider({ book, capabilities: capabilities('book', numbers) });
  const all = await failures(provider, { rowsMin: steps.length });
  expect(all).not.toHaveProperty('declaration');
  return all['stream-rows:book'];
}

const ONE: Numbers = { step: 'one', scope: 'symbol' };
const UP: Numbers = { step: 'up', scope: 'symbol' };

describe('the check of numbers', () => {
  it('finds those that skip or fall, in the space that was declared', async () => {
    expect(await found(ONE, row(1), row(2), row(3))).toBeUndefined();
    expect(await found(ONE, row(1), row(3))).toEqual([
      expect.stringContaining('its sequence 3 comes after 1, though its step is one'),
    ]);
    expect(await found(UP, row(1), row(3))).toBeUndefined();
    expect(await found(UP, row(3), row(3))).toEqual([
      expect.stringContaining('its sequence 3 comes after 3'),
    ]);
  });

  it('begins again after a gap and after a reset', async () => {
    expect(await found(ONE, row(1), gap(), row(9), row(10))).toBeUndefined();
    expect(await found(UP, row(9), { reset: 'again' }, row(1))).toBeUndefined();
    expect(await found(ONE, row(1), gap(), row(9), row(11))).toEqual([
      expect.stringContaining('its sequence 11 comes after 9'),
    ]);
  });

  it('begins again after the gap of one symbol for that symbol alone, unless all are numbered together', async () => {
    const gapOfEth = [row(1), row(1, 'ETH'), gap('ETH')];
    expect(await found(ONE, ...gapOfEth, row(5, 'ETH'), row(2))).toBeUndefined();
    expect(await found(ONE, ...gapOfEth, row(5))).toEqual([
      expect.stringContaining('its sequence 5 comes after 1'),
    ]);
    const together = { step: 'one', scope: 'stream' } as const;
    expect(await found(together, row(1), row(2, 'ETH'), gap('ETH'), row(5))).toBeUndefined();
  });

  it('lets the levels of one update of a book share its number, and no other rows', async () => {
    expect(await foundInBook(level(7), level(7), level(8))).toBeUndefined();
    expect(await foundInBook(level(7), level(9))).toEqual([
      expect.stringContaining('its sequence 9 comes after 7'),
    ]);
    expect(await foundInBook(level(7), level(6))).toEqual([
      expect.stringContaining('its sequence 6 comes after 7'),
    ]);
    expect(await found(ONE, row(7), row(7))).toEqual([
      expect.stringContaining('its sequence 7 comes after 7'),
    ]);
  });

  it('begins again after a gap in a history', async () => {
    const numbered = (hasGap: boolean) => {
      const provider = broken(() => ({
        historicalTicks: async (_request, writer) => {
          writer.write({ ...trade(0), sequence: 1 });
          if (hasGap) writer.gap({ fromMs: 0, toMs: 1, reason: 'sequence' });
          writer.write({ ...trade(1), sequence: 5 });
          return null;
        },
      }));
      const sequence = { space: 's', ...ONE };
      const history = { trades: { columns: ['size'], sequence } };
      return { ...provider, capabilities: { ...provider.capabilities, history } };
    };
    expect((await failures(numbered(true)))['history-rows:trades']).toBeUndefined();
    expect((await failures(numbered(false)))['history-rows:trades']).toEqual([
      expect.stringContaining('its sequence 5 comes after 1'),
    ]);
  });
});
