import { describe, expect, it } from 'vitest';
import type {
  MarketDataProvider,
  TickHistoryRequest,
  TickWriter,
} from '../../../src/providers/contract/market-data-provider.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';
import { START_MS, told } from '../../support/fake-stream.js';
import { abortOf, pipelineOf, providerOf } from '../contract/own-provider.js';

const SEQUENCE = { space: 'venue', scope: 'symbol', step: 'one' } as const;
const SYMBOLS = Array.from({ length: 12 }, (_, i) => `S${i}`);
const CAPABILITIES: ProviderCapabilities = {
  assetClasses: ['crypto'],
  symbols: SYMBOLS,
  streams: { trades: { delivery: 'resumable', sequence: SEQUENCE } },
  history: { trades: { sequence: SEQUENCE } },
};
const row = (symbol: string, n: number) => ({ symbol, timeMs: START_MS + n, price: n, sequence: n });

/** Row 2 of each symbol is missing, one symbol after the other. */
async function play(
  historicalTicks: NonNullable<MarketDataProvider['historicalTicks']>,
  symbols: readonly string[],
) {
  const clock = new VirtualClock();
  const provider = providerOf(
    ({ context }) => ({
      historicalTicks,
      async streamTrades(_request, writer, signal) {
        for (const symbol of symbols) {
          for (const n of [1, 3]) writer.write(row(symbol, n));
          await new Promise<void>((resolve) => context.clock.setTimeout(() => resolve(), 100));
        }
        await abortOf(signal);
      },
    }),
    CAPABILITIES,
  );
  const fields = { symbols, silence: false, backfill: { waitMax: '1s' } };
  const { pipeline, rows, records } = pipelineOf(provider, fields, { clock });
  await pipeline.build();
  const outcome = pipeline.run();
  await clock.advance(20_000);
  const draining = pipeline.drain();
  await clock.advance(20_000);
  await draining;
  const of = (symbol: string) => rows.filter((one) => one.symbol === symbol).map(({ price }) => price);
  return { of, gaps: told(records).filter(({ type }) => type === 'gap'), report: await outcome };
}

const writeAll = ({ symbol }: TickHistoryRequest, writer: TickWriter) => {
  for (const n of [1, 2, 3]) writer.write(row(symbol, n) as never);
};

describe('a page that fails', () => {
  it.each<[string, (writer: TickWriter) => unknown]>([
    ['has a cursor that is no plain data', () => () => 1],
    [
      'has too many records',
      (writer) => {
        for (let i = 0; i < 70_000; i++) writer.gap({ fromMs: i, toMs: i + 1, reason: 'x' });
        return null;
      },
    ],
  ])('leaves nothing to the gap of another symbol if it %s', async (_, fail) => {
    let calls = 0;
    const { of, gaps, report } = await play(
      async (request, writer) => {
        writeAll(request, writer);
        return (calls++ === 0 ? fail(writer) : null) as null;
      },
      ['S0', 'S1', 'S2'],
    );
    expect(report.error).toBeUndefined();
    expect(['S0', 'S1', 'S2'].map(of)).toEqual([
      [1, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(gaps).toMatchObject([{ symbol: 'S0' }]);
  });
});

it('calls of a history that go on for a while after they were given up count as calls', async () => {
  let running = 0;
  let most = 0;
  const { gaps } = await play(async (_request, _writer, signal) => {
    most = Math.max(most, ++running);
    await abortOf(signal);
    for (let turn = 0; turn < 50; turn++) await null;
    running--;
    return null;
  }, SYMBOLS);
  expect(most).toBe(4);
  expect(gaps).toHaveLength(SYMBOLS.length);
});
