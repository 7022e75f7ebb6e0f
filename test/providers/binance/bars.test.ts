import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { generatedSession } from '../../support/binance/generated-session.js';
import { type Market, type RecordedSession, recordedSession } from '../../support/binance/recorded-frames.js';
import { BinanceVenue, type VenueOptions } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';
import { hasRecordedData, recordedTitle } from '../../support/recorded-data.js';

const LENGTHS = { '1s': 1_000, '1m': 60_000 } as const;

interface PlainBar {
  readonly ms: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly count: number;
}

/** Bars of the trades of a tape that have ended on it: those in which nothing is traded have the price before. */
function barsOf({ frames }: RecordedSession, lengthMs: number): PlainBar[] {
  const trades = frames
    .filter(({ channel }) => channel === 'trade')
    .map(({ bytes }) => JSON.parse(bytes.toString()).data as { T: number; p: string; X?: string })
    .filter(({ X = 'MARKET' }) => X === 'MARKET');
  const bars: PlainBar[] = [];
  const at = (ms: number) => Math.floor(ms / lengthMs) * lengthMs;
  for (let ms = at(trades[0]!.T); ms < at(trades.at(-1)!.T); ms += lengthMs) {
    const prices = trades.filter(({ T }) => at(T) === ms).map(({ p }) => Number(p));
    const before = bars.at(-1)?.close ?? Number.NaN;
    const [open = before, close = before] = [prices[0], prices.at(-1)];
    const all = prices.length > 0 ? prices : [before];
    bars.push({ ms, open, high: Math.max(...all), low: Math.min(...all), close, count: prices.length });
  }
  return bars;
}

async function played(
  session: RecordedSession,
  interval: keyof typeof LENGTHS,
  faults: VenueOptions['faults'] = [],
) {
  const venue = await BinanceVenue.start({ session, faults });
  // The tape is played faster than the clock goes on: nothing is given up for that.
  const source = { stream: 'bars', interval, backfill: { waitMax: '7d' } };
  const stream = venuePipeline(venue, source);
  const expected = barsOf(session, LENGTHS[interval]);
  const lastNs = BigInt(expected.at(-1)!.ms) * 1_000_000n;
  const report = await stream.playThrough(() => stream.rows().some(({ time }) => time === lastNs));
  const { connections } = venue;
  await venue.close();
  const bars = stream.rows().map(({ time, open, high, low, close, count }) => {
    return { ms: Number((time as bigint) / 1_000_000n), open, high, low, close, count };
  });
  return { report, bars, expected, connections, records: stream.records() };
}

const typesOf = (records: readonly ControlRecord[]) =>
  new Set(records.map(({ type }) => type).filter((type) => type !== 'watermark' && type !== 'end'));

describe('a stream of bars of Binance', () => {
  for (const [market, interval] of [
    ['spot', '1s'],
    ['spot', '1m'],
    ['usdm', '1m'],
  ] as const) {
    it(`has the bars of the trades that have ended, each once: ${market}, ${interval}`, async () => {
      const session = generatedSession(market, 60_000, 4);
      const { report, bars, expected, records } = await played(session, interval);
      expect(report).toMatchObject({ outcome: 'completed' });
      expect(bars).toEqual(expected);
      expect(expected.length).toBeGreaterThan(2);
      expect([...typesOf(records)]).toEqual([]);
    });
  }

  it('has those as well that ended while nobody was connected, and whose end was lost or came twice', async () => {
    const session = generatedSession('spot', 60_000, 5);
    const { bars, expected, records, connections } = await played(session, '1s', [
      { at: 9_000, what: 'drop', missing: 2_000 },
      { at: 20_000, what: 'lose', frames: 700 },
      { at: 27_997, what: 'double' },
      { at: 32_000, what: 'garble' },
    ]);
    expect(bars).toEqual(expected);
    expect(connections).toBe(3);
    expect([...typesOf(records)]).toEqual(['backfilled']);
    const rows = records.map((record) => (record.type === 'backfilled' ? record.rows : 0));
    expect(rows.reduce((sum, some) => sum + some, 0)).toBeGreaterThan(10);
  });
});

describe.runIf(hasRecordedData)(recordedTitle('bars of a recorded session of Binance'), () => {
  for (const [market, interval] of [
    ['spot', '1s'],
    ['usdm', '1m'],
  ] as const satisfies readonly (readonly [Market, string])[]) {
    it(`are those of its trades: ${market}, ${interval}`, async () => {
      const { bars, expected } = await played(recordedSession(market), interval);
      expect(bars).toEqual(expected);
      expect(expected.length).toBeGreaterThan(2);
    });
  }
});
