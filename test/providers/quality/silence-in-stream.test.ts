import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../src/calendars/built-in-calendars.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { sleep } from '../../../src/core/clock.js';
import { millis } from '../../../src/core/units.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';
import { abortOf, pipelineOf, providerOf } from '../contract/own-provider.js';

const EQUITIES: NonNullable<FakeScript['capabilities']> = {
  assetClasses: ['equity'],
  streams: { trades: { delivery: 'live-only' } },
  calendars: { equity: 'XNYS' },
};
const CRYPTO: typeof EQUITIES = { ...EQUITIES, assetClasses: ['crypto'], calendars: { crypto: '24/7' } };
const UNKNOWN: typeof EQUITIES = { ...EQUITIES, calendars: {} };
const tick = (symbol: string, afterMs = 0): FakeStep => ({ afterMs, trade: { symbol, price: 1 } });
const every = (ms: number, times: number, symbol: string) =>
  Array.from({ length: times }, () => tick(symbol, ms));
const clockAt = (text: string) => new VirtualClock({ wall: BigInt(Date.parse(text)) * 1_000_000n });
const nsAt = (ms: number) => BigInt(START_MS + ms) * 1_000_000n;

// What a calendar loads takes no virtual time.
beforeAll(async () => {
  await tradingCalendar('XNYS');
});

describe('a stream that falls silent', () => {
  it('raises nothing once the market has closed', async () => {
    const clock = clockAt('2026-11-30T20:59:55Z');
    const { records, outcome, rows, drained } = await runStream({
      clock,
      script: { capabilities: EQUITIES, trades: [tick('BTC'), tick('BTC', 1_200_000)] },
      source: { silence: { after: '30s' } },
    });
    await clock.advance(1_200_000);
    expect(rows).toHaveLength(2);
    expect(told(records)).toEqual([]);
    await drained();
    expect((await outcome).outcome).toBe('completed');
    expect(clock.timersPending).toBe(0);
  });

  it('is told and breaks off at noon, so that it is begun anew', async () => {
    const clock = clockAt('2026-11-30T17:00:00Z');
    const { records, outcome } = await runStream({
      clock,
      script: { capabilities: EQUITIES, trades: [tick('BTC')] },
      source: { silence: { after: '10m' } },
    });
    await clock.advance(599_000);
    expect(told(records)).toEqual([]);
    await clock.advance(10_000);
    expect(told(records)).toEqual([
      { type: 'stale', since: BigInt(Date.parse('2026-11-30T17:00:00Z')) * 1_000_000n, symbol: 'BTC' },
    ]);
    const { error } = await outcome;
    expect([error?.code, error?.retryable]).toEqual(['PROVIDER_DISCONNECTED', true]);
    expect(error?.message).toContain('no rows of 1 of 1 symbols have come while the market was open');
    expect(clock.timersPending).toBe(0);
  });

  it('has one symbol told and asked for again, once, while the others go on', async () => {
    const asked: (readonly string[])[] = [];
    const { clock, records, drained, pipeline } = await runStream({
      script: {
        capabilities: CRYPTO,
        trades: [tick('ETH'), ...every(5_000, 40, 'BTC')],
        resubscribed: (symbols) => {
          asked.push(symbols);
          return [tick('ETH', 1_000)];
        },
      },
      source: { symbols: ['BTC', 'ETH'], silence: { after: '30s' } },
    });
    await clock.advance(34_000);
    expect(told(records)).toEqual([{ type: 'stale', since: nsAt(0), symbol: 'ETH' }]);
    expect((await pipeline.build()).describe()[0]!.health.status).toBe('degraded');
    await clock.advance(2_000);
    await clock.advance(5_000);
    expect((await pipeline.build()).describe()[0]!.health.status).toBe('ok');
    await clock.advance(40_000);
    const report = await drained();
    expect(asked).toEqual([['ETH'], ['ETH']]); // it fell silent again
    expect(report.stages[0]!.statistics).toMatchObject({ silences: 2, resubscriptions: 2 });
  });

  it('has a mute symbol told though whoever reads is behind, and not one whose rows wait', async () => {
    const clock = new VirtualClock();
    const records: ControlRecord[] = [];
    const sink = callbackSink(async (batch) => {
      for (const { record } of batch.controls) records.push(record);
      await sleep(clock, millis(100));
    });
    const { drained } = await runStream({
      clock,
      options: { sink },
      spec: { batchRows: 1 },
      script: {
        capabilities: CRYPTO,
        trades: [
          ...every(50, 400, 'BTC'),
          ...Array.from({ length: 60 }, () => [tick('SOL'), ...every(50, 40, 'BTC')]).flat(),
        ],
        resubscribed: () => [],
      },
      source: {
        symbols: ['BTC', 'ETH', 'SOL'],
        silence: { after: '30s' },
        queue: { rows: 1, overflow: 'block' },
      },
    });
    await clock.advance(140_000);
    const report = drained();
    await clock.advance(200_000);
    expect((await report).stages[0]!.statistics).toMatchObject({ silences: 1 });
    expect(told(records)).toEqual([{ type: 'stale', since: nsAt(0), symbol: 'ETH' }]);
  });

  it('takes the time in which nobody reads for no silence', async () => {
    const { clock, records, pipeline, drained } = await runStream({
      script: { capabilities: CRYPTO, trades: [tick('ETH'), ...every(50, 4_000, 'BTC')] },
      source: { symbols: ['BTC', 'ETH'], silence: { after: '30s' } },
    });
    await clock.advance(10_000);
    await pipeline.pause();
    await clock.advance(100_000);
    await pipeline.resume();
    await clock.advance(10_000);
    expect(told(records)).toEqual([]);
    await drained();
  });

  it('is told, and goes on, where no session is known', async () => {
    const { clock, records, drained } = await runStream({
      script: { capabilities: UNKNOWN, trades: [tick('BTC')] },
      source: { silence: { after: '30s' } },
    });
    await clock.advance(3_600_000);
    expect(told(records)).toEqual([{ type: 'stale', since: nsAt(0), symbol: 'BTC' }]);
    expect((await drained()).outcome).toBe('completed');
  });

  it('goes by the sessions that the spec names', async () => {
    const { clock, outcome } = await runStream({
      script: { capabilities: UNKNOWN, trades: [] },
      source: { silence: { after: '30s', sessions: '24/7' } },
    });
    await clock.advance(33_000);
    expect((await outcome).error?.code).toBe('PROVIDER_DISCONNECTED'); // a subscription that stays mute
  });

  it('is told of all its symbols at once, and not again before rows come', async () => {
    const { clock, records, drained } = await runStream({
      script: {
        capabilities: UNKNOWN,
        trades: [tick('BTC'), tick('ETH'), tick('BTC', 60_000), { stall: true }],
      },
      source: { symbols: ['BTC', 'ETH'], silence: { after: '30s' } },
    });
    await clock.advance(100_000);
    expect(told(records)).toEqual([
      { type: 'stale', since: nsAt(0) },
      { type: 'stale', since: nsAt(60_000), symbol: 'BTC' },
    ]);
    await drained();
  });

  it('is not watched if the spec says so', async () => {
    const { clock, records, drained } = await runStream({
      script: { capabilities: CRYPTO, trades: [tick('BTC')] },
      source: { silence: false },
    });
    await clock.advance(3_600_000);
    await drained();
    expect(told(records)).toEqual([]);
  });

  it('has bars marked as a gap from its silence on', async () => {
    const { clock, rows, drained } = await runStream({
      script: {
        capabilities: UNKNOWN,
        trades: [...every(5_000, 8, 'BTC'), tick('BTC', 60_000), tick('BTC', 5_000)],
      },
      source: { silence: { after: '30s' } },
      operators: [{ use: 'bars', every: '20s' }],
    });
    await clock.advance(140_000);
    await drained();
    expect(rows.map(({ mark }) => mark)).toContain('gap');
  });
});

it('a stream is not closed before the provider has been asked for symbols', async () => {
  const steps: string[] = [];
  const provider = providerOf(
    ({ context }) => ({
      async streamTrades(_request, writer, signal) {
        while (!signal.aborted) {
          writer.write({ symbol: 'BTC-USD', timeMs: Number(context.clock.wall() / 1_000_000n), price: 1 });
          await Promise.race([sleep(context.clock, millis(5_000)), abortOf(signal)]);
        }
      },
      async resubscribe(symbols) {
        steps.push(`asks for ${symbols}`);
        await sleep(context.clock, millis(4_000));
        steps.push('has asked');
      },
      close() {
        steps.push('closed');
      },
    }),
    { ...CRYPTO, symbols: ['BTC-USD', 'ETH-USD'] },
  );
  const clock = new VirtualClock();
  const fields = { symbols: ['BTC-USD', 'ETH-USD'], silence: { after: '30s' } };
  const { pipeline } = pipelineOf(provider, fields, { clock });
  await pipeline.build();
  const outcome = pipeline.run();
  await clock.advance(32_000);
  expect(steps).toEqual(['asks for ETH-USD']);
  await pipeline.drain();
  await clock.advance(20_000);
  await outcome;
  expect(steps).toEqual(['asks for ETH-USD', 'has asked', 'closed']);
});

describe('the option for silence', () => {
  it.each<[unknown, string]>([
    [{ after: '30' }, 'source.silence.after: expected a duration of 1s to 7d, such as "30s", found "30"'],
    [{ sessions: 'XNYSE' }, 'found "XNYSE" (did you mean "XNYS"?)'],
    [{ switchShare: 0 }, 'source.silence.switchShare: expected a share above 0, to 1, found 0'],
    [{ afterMs: 3 }, 'source.silence.afterMs: expected after, sessions, switchShare, found "afterMs"'],
    [true, 'source.silence: expected false, or a mapping of after, sessions, switchShare, found'],
  ])('is refused as %j', async (silence, message) => {
    await expect(runStream({ script: { trades: [] }, source: { silence } })).rejects.toThrow(message);
  });
});
