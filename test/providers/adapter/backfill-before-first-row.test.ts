import { expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const row = (n: number, ms: number, symbol = 'BTC') => ({
  symbol,
  timeMs: START_MS + ms,
  price: n,
  sequence: n,
});

it.each([[['BTC']], [['ETH', 'BTC']]])(
  'what was missed after a stream of %j broke off before the first row of one is fetched',
  async (symbols) => {
    const provider = fakeProvider({
      capabilities: {
        assetClasses: ['crypto'],
        streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
        history: { trades: { sequence: SEQUENCE } },
      },
      trades: (start): FakeStep[] =>
        start > 0
          ? [{ afterMs: 1_000, trade: row(3, 16_000) }]
          : [
              ...(symbols.length > 1 ? [{ trade: row(1, 1, 'ETH') }] : []),
              { afterMs: 10_000, fail: 'disconnected' },
            ],
      history: { trades: [row(1, 12_000), row(2, 12_500), row(3, 16_000)], pageMs: 20 },
    });
    const options = { store: new MemoryCheckpointStore(), components: [provider] };
    const source = { silence: false, symbols };
    const first = await runStream({ options, source });
    await first.clock.advance(11_000);
    expect((await first.outcome).outcome).toBe('failed');
    const clock = new VirtualClock({ wall: BigInt(START_MS + 15_000) * 1_000_000n });
    const second = await runStream({ options, source, clock });
    await second.clock.advance(15_000);
    await second.drained();
    expect(second.rows.map(({ symbol, price }) => [symbol, price])).toEqual([1, 2, 3].map((n) => ['BTC', n]));
    expect(told(second.records).filter((one) => 'symbol' in one && one.symbol === 'BTC')).toMatchObject([
      { type: 'backfilled', rows: 2 },
    ]);
  },
);
