import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../dist/src/index.js';
import { GENERATED_START_MS, generatedSession } from '../support/binance/generated-session.js';
import { BinanceVenue } from '../support/binance-venue/venue.js';
import { discard, startRuntime } from './threads-support.js';

const FRAMES = 12_000;
let venue: BinanceVenue;

beforeAll(async () => {
  venue = await BinanceVenue.start({ session: generatedSession('spot', FRAMES), knowsAll: true });
});
afterAll(() => venue.close());

const specOf = (name: string, source: object) =>
  uncheckedSpec({
    name,
    source: { use: 'binance-spot', symbols: ['BTCUSDT'], ...venue.options, ...source },
    sink: discard,
  });

describe('a provider of Binance', () => {
  it('runs in the thread of a job, its history and its stream', async () => {
    const runtime = await startRuntime();
    const to = new Date(GENERATED_START_MS + 600_000).toISOString();
    const from = new Date(GENERATED_START_MS).toISOString();
    const history = await (await runtime.submit(specOf('history', { history: 'trades', from, to }))).outcome;
    expect([history.outcome, history.counters.rowsIn]).toEqual(['completed', FRAMES / 4]);

    const job = await runtime.submit(specOf('stream', { stream: 'book' }));
    await venue.play();
    await job.drain();
    const streamed = await job.outcome;
    expect(streamed.outcome).toBe('completed');
    expect(streamed.counters.rowsIn).toBeGreaterThan(FRAMES / 4);
  });
});
