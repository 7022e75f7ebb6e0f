import { describe, expect, it } from 'vitest';
import type { FakeStep } from '../../../src/testing/fake-script.js';
import { runStream, START_MS } from '../../support/fake-stream.js';

const trade = (timeMs: number | undefined, afterMs = 0): FakeStep => ({
  afterMs,
  trade: { symbol: 'BTC', timeMs, price: 1 },
});

describe('the latency of a stream', () => {
  it('is that of one row of each go, without rows that have no time of the exchange', async () => {
    const capabilities = {
      assetClasses: ['crypto'],
      streams: { trades: { delivery: 'live-only', untimed: true } },
    } as const;
    const { clock, drained } = await runStream({
      script: { capabilities, trades: [trade(START_MS), trade(START_MS, 40), trade(undefined, 400)] },
    });
    await clock.advance(1_000);
    const { statistics } = (await drained()).stages[0]!;
    expect(statistics).toMatchObject({ latencyMsMax: 40, clockSkewMs: 0 });
  });

  it('shows how far the clock of the host stands behind that of the venue', async () => {
    const { clock, drained } = await runStream({
      script: { trades: [trade(START_MS + 1_270), trade(START_MS + 1_290, 30)] },
    });
    await clock.advance(1_000);
    const { statistics } = (await drained()).stages[0]!;
    expect(statistics).toMatchObject({ clockSkewMs: 1_270, latencyMsMax: -1_260 });
  });
});
