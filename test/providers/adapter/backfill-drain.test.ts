import { expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import type { TradeWriter } from '../../../src/providers/contract/row-writers.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';
import { START_MS, told } from '../../support/fake-stream.js';
import { abortOf, pipelineOf, providerOf } from '../contract/own-provider.js';

const SEQUENCE = { space: 'venue', scope: 'symbol', step: 'one' } as const;
const CAPABILITIES: ProviderCapabilities = {
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
  history: { trades: { sequence: SEQUENCE } },
};

it.each(['drain', 'suspend'] as const)(
  'a %s that finds a gap in what had arrived loses no rows without a word',
  async (end) => {
    let writer: TradeWriter | undefined;
    let pages = 0;
    const provider = providerOf(
      () => ({
        async streamTrades(_request, to, signal) {
          writer = to;
          await abortOf(signal);
        },
        async historicalTicks() {
          pages++;
          return null;
        },
      }),
      CAPABILITIES,
    );
    const clock = new VirtualClock();
    const { pipeline, rows, records } = pipelineOf(
      provider,
      { silence: false },
      { clock, store: new MemoryCheckpointStore() },
    );
    await pipeline.build();
    const outcome = pipeline.run();
    await clock.advance(10);
    const write = (...numbers: number[]) => {
      for (const n of numbers) {
        writer?.write({ symbol: 'BTC-USD', timeMs: START_MS + n, price: n, sequence: n });
      }
    };
    write(1, 2);
    await clock.advance(10);
    write(5, 6, 7);
    await pipeline[end]();
    await clock.advance(100);
    const report = await outcome;
    expect(report.outcome).not.toBe('failed');
    expect(pages).toBe(0);
    expect(clock.timersPending).toBe(0);
    if (end === 'suspend') {
      expect(rows.map(({ price }) => price)).toEqual([1, 2]); // the next start has the others again
      return;
    }
    expect(rows.map(({ price }) => price)).toEqual([1, 2, 5, 6, 7]);
    expect(told(records)).toMatchObject([
      { type: 'gap', reason: expect.stringContaining('2 rows are missing (3 to 4)') },
    ]);
    expect(report.stages[0]!.statistics).toMatchObject({ rowsHeld: 0, gapsGivenUp: 1 });
  },
);
