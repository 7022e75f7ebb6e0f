import { describe, expect, it } from 'vitest';
import { generatedSession } from '../../support/binance/generated-session.js';
import { BinanceVenue } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';

const SESSION = generatedSession('usdm', 4_000);
const TRADES = SESSION.frames
  .filter(({ channel }) => channel === 'trade')
  .map(({ bytes }) => JSON.parse(bytes.toString()).data as { t: number; p: string; q: string; X: string });
const OF_MARKET = TRADES.filter(({ X }) => X === 'MARKET');

async function played(source: object, operators: readonly object[] = []) {
  const venue = await BinanceVenue.start({ session: SESSION });
  const pipeline = venuePipeline(venue, source, { operators });
  expect(await pipeline.playThrough()).toMatchObject({ outcome: 'completed' });
  await venue.close();
  return pipeline.rows() as unknown as readonly Readonly<Record<string, number | boolean>>[];
}

describe('trades of USD-M futures that are not of the market', () => {
  it('are rows of the stream with an id of the chain, marked', async () => {
    const rows = await played({ stream: 'trades' });
    expect(rows.map(({ sequence, offMarket }) => [Number(sequence), offMarket])).toEqual(
      TRADES.map(({ t, X }) => [t, X !== 'MARKET']),
    );
    expect(OF_MARKET.length).toBeLessThan(TRADES.length);
  });

  it('stay out of bars', async () => {
    const bars = await played({ stream: 'trades' }, [{ use: 'bars', every: '1s' }]);
    const sum = (name: string) => bars.reduce((all, bar) => all + (bar[name] as number), 0);
    expect(sum('count')).toBe(OF_MARKET.length);
    expect(sum('volume')).toBeCloseTo(
      OF_MARKET.reduce((all, { q }) => all + Number(q), 0),
      6,
    );
  });

  it('are in no aggregated one', async () => {
    const rows = await played({ use: 'binance-usdm-agg', stream: 'trades' });
    expect(rows.map(({ price }) => price)).toEqual(OF_MARKET.map(({ p }) => Number(p)));
    const ids = rows.map(({ sequence }) => Number(sequence));
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i));
  });
});
