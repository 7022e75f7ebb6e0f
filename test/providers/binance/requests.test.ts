import { afterEach, describe, expect, it } from 'vitest';
import { type UsedPermits, unlimitedGate } from '../../../src/engine/call-gate.js';
import { createSpot, createUsdm } from '../../../src/providers/binance/binance.js';
import { writeBars } from '../../../src/providers/binance/history.js';
import { SPOT } from '../../../src/providers/binance/markets.js';
import { SpotOptions, UsdmOptions } from '../../../src/providers/binance/options.js';
import type { BinanceRest } from '../../../src/providers/binance/rest.js';
import { restError } from '../../../src/providers/binance/rest-error.js';
import type { Instrument, ProviderContext } from '../../../src/providers/contract/market-data-provider.js';
import type { BarWriter } from '../../../src/providers/contract/row-writers.js';
import { LazyNetwork } from '../../../src/providers/network/lazy-network.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { GENERATED_START_MS, generatedSession } from '../../support/binance/generated-session.js';
import type { Market } from '../../support/binance/recorded-frames.js';
import { bookOf } from '../../support/binance-venue/book-of.js';
import { expectToldTrades } from '../../support/binance-venue/told-trades.js';
import { API_KEY, BinanceVenue, type VenueOptions } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';

const FRAMES = 30_000;
const SESSIONS = { spot: generatedSession('spot', FRAMES), usdm: generatedSession('usdm', FRAMES) };
const NOW_MS = 1_700_000_000_000;

let venue: BinanceVenue;
afterEach(() => venue?.close());

async function startVenue(
  market: Market,
  options: Omit<VenueOptions, 'session'> = {},
): Promise<BinanceVenue> {
  venue = await BinanceVenue.start({ session: SESSIONS[market], ...options });
  venue.skip(FRAMES);
  return venue;
}

const isoAt = (ms: number) => new Date(GENERATED_START_MS + ms).toISOString();
/** Event times of the tape begin 1.2 s after the start; each fourth frame is a trade, one in 20 ms. */
const SPAN = { from: isoAt(10_000), to: isoAt(100_000) };
const tradesOf = (market: Market) =>
  SESSIONS[market].frames
    .filter(({ channel }) => channel === 'trade')
    .map(
      ({ bytes }) =>
        JSON.parse(bytes.toString()).data as { t: number; T: number; p: string; q: string; X?: string },
    )
    .filter(({ T }) => T >= Date.parse(SPAN.from) && T < Date.parse(SPAN.to));

const answer = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers,
  body: Buffer.from(body),
  text: () => body,
  json: () => JSON.parse(body) as unknown,
});

describe('an answer of Binance that is no success', () => {
  it.each([
    ['throttled', 429, '{"code":-1003,"msg":"Too much request weight used."}', { 'retry-after': '7' }, 7_000],
    ['throttled', 418, '{"code":-1003,"msg":"Way too much; IP banned until 1700000090000."}', {}, 90_000],
    ['throttled', 403, '<html>', {}, undefined],
    ['invalid-request', 400, '{"code":-1121,"msg":"Invalid symbol."}', {}, undefined],
    [
      'invalid-request',
      400,
      '{"code":-1100,"msg":"Illegal characters found in a parameter."}',
      {},
      undefined,
    ],
    ['authentication', 401, '{"code":-2014,"msg":"API-key format invalid."}', {}, undefined],
    ['authentication', 400, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions."}', {}, undefined],
    ['unavailable', 400, '{"code":-1008,"msg":"Server is currently overloaded."}', {}, undefined],
    ['unavailable', 503, 'Service Unavailable', {}, undefined],
    ['not-found', 404, '{"code":-5000,"msg":"Path is invalid"}', {}, undefined],
    ['entitlement', 451, '{"code":0,"msg":"Service unavailable from a restricted location"}', {}, undefined],
  ] as const)('is of kind %s for status %i and %s', (kind, status, body, headers, retryAfterMs) => {
    const error = restError('Provider "binance-spot"', answer(status, body, headers), NOW_MS);
    expect(error).toMatchObject({ kind, status, retryAfterMs });
    expect(error.message).toContain(`status ${status}`);
  });

  it('says what the venue says', () => {
    const body = '{"code":-1121,"msg":"Invalid symbol."}';
    expect(restError('Provider "binance-spot"', answer(400, body), NOW_MS).message).toBe(
      'Provider "binance-spot" refused the request (status 400, code -1121): Invalid symbol.',
    );
  });
});

describe('a history of Binance', () => {
  for (const market of ['spot', 'usdm'] as const) {
    it(`has each trade of the span once, with the ids of the stream: ${market}`, async () => {
      await startVenue(market);
      const { pipeline, rows } = venuePipeline(venue, { history: 'trades', apiKey: API_KEY, ...SPAN });
      expect(await pipeline.run()).toMatchObject({ outcome: 'completed' });
      const expected = tradesOf(market).map(({ t, T, p, q }) => ({
        sequence: BigInt(t),
        time: BigInt(T) * 1_000_000n,
        price: Number(p),
        size: Number(q),
      }));
      expect(expected.length).toBeGreaterThan(4_000);
      expect(rows()).toMatchObject(expected);
    });
  }

  it('has aggregated trades without a key, with ids that go on by one, and none that is not of the market', async () => {
    await startVenue('usdm');
    const { pipeline, rows } = venuePipeline(venue, { use: 'binance-usdm-agg', history: 'trades', ...SPAN });
    expect(await pipeline.run()).toMatchObject({ outcome: 'completed' });
    const expected = tradesOf('usdm').filter(({ X }) => X === 'MARKET');
    expect(rows()).toMatchObject(
      expected.map(({ T, p }) => ({ time: BigInt(T) * 1_000_000n, price: Number(p) })),
    );
    const ids = rows().map(({ sequence }) => Number(sequence));
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i));
    expect(expected.length).toBeLessThan(tradesOf('usdm').length);
  });

  it('has the bars of the span that have ended, with their mean price', async () => {
    await startVenue('spot');
    const { pipeline, rows } = venuePipeline(venue, {
      history: 'bars',
      interval: '1m',
      from: isoAt(0),
      to: isoAt(600_000),
    });
    expect(await pipeline.run()).toMatchObject({ outcome: 'completed' });
    const times = rows().map(({ time }) => Number((time as bigint) / 1_000_000n) - GENERATED_START_MS);
    expect(times).toEqual([0, 60_000]); // the tape ends in the third minute
    for (const { low, high, vwap, count } of rows() as unknown as Record<string, number>[]) {
      expect(vwap).toBeGreaterThan(low!);
      expect(vwap).toBeLessThan(high!);
      expect(count).toBeGreaterThan(2_000);
    }
  });

  it('leaves out the last bar of an answer until it has ended by any clock, since nothing follows it', async () => {
    const list = (count: number) =>
      Array.from({ length: count }, (_, i) => [
        i * 60_000,
        '1',
        '1',
        '1',
        '1',
        '1',
        (i + 1) * 60_000 - 1,
        '1',
        1,
      ]);
    const written = async (nowMs: number, count: number) => {
      const times: number[] = [];
      const writer = { symbolId: () => 0, bar: (_: number, ms: number) => times.push(ms / 60_000) };
      const rest = { get: async () => list(count) };
      await writeBars(
        rest as unknown as BinanceRest, // what a page needs of it
        SPOT,
        { symbol: 'BTCUSDT', fromMs: 0, toMs: nowMs, cursor: null, interval: '1m', rowsWanted: 10 },
        nowMs,
        writer as unknown as BarWriter,
        new AbortController().signal,
      );
      return times;
    };
    expect(await written(120_500, 2)).toEqual([0]); // the clock may be ahead of the venue's
    expect(await written(120_500, 3)).toEqual([0, 1]); // the venue has begun the next one
    expect(await written(122_500, 2)).toEqual([0, 1]);
  });

  it('waits as long as it is told to after each 429 of a storm, and loses and doubles nothing', async () => {
    await startVenue('spot');
    venue.refuse({
      status: 429,
      code: -1003,
      msg: 'Too much',
      retryAfterS: 2,
      times: 3,
      path: 'historicalTrades',
    });
    const { pipeline, rows } = venuePipeline(venue, { history: 'trades', ...SPAN });
    const beganMs = performance.now();
    expect(await pipeline.run()).toMatchObject({ outcome: 'completed' });
    expect(rows().map(({ sequence }) => Number(sequence))).toEqual(tradesOf('spot').map(({ t }) => t));
    expect(venue.requests.filter((path) => path.includes('fromId=900')).length).toBeGreaterThan(3);
    expect(performance.now() - beganMs).toBeGreaterThan((3 * 2_000) / 20 - 5); // its clock is 20 times as fast
  });

  it('fails for good without a key where one is needed, and says so', async () => {
    await startVenue('usdm');
    const { pipeline } = venuePipeline(venue, { history: 'trades', ...SPAN });
    const { outcome, error } = (await pipeline.run()) as {
      outcome: string;
      error?: { code: string; message: string };
    };
    expect(outcome).toBe('failed');
    expect(error).toMatchObject({ code: 'PROVIDER_AUTHENTICATION', retryable: false });
    expect(error?.message).toContain('API-key format invalid');
  });
});

describe('a stream of Binance', () => {
  it.each([
    ['ETHUSDT', 'PROVIDER_INVALID_REQUEST', 'Invalid symbol'],
    ['btcusdt', 'PROVIDER_INVALID_REQUEST', 'expected symbols in upper case, found btcusdt'],
  ])('of a symbol that there is not (%s) fails, and does not stay mute', async (symbol, code, message) => {
    await startVenue('spot');
    const { pipeline } = venuePipeline(venue, { stream: 'trades', symbols: [symbol] });
    const { outcome, error } = (await pipeline.run()) as {
      outcome: string;
      error?: { code: string; message: string };
    };
    expect(outcome).toBe('failed');
    expect(error).toMatchObject({ code, retryable: false });
    expect(error?.message).toContain(message);
  });

  it('of a book waits for its snapshot through a storm of 429', async () => {
    venue = await BinanceVenue.start({ session: SESSIONS.spot });
    venue.refuse({ status: 429, code: -1003, msg: 'Too much', retryAfterS: 1, times: 3, path: 'depth' });
    const book = venuePipeline(venue, { stream: 'book' });
    const running = book.pipeline.run();
    await venue.play(2_000);
    await book.until(() => book.rows().some(({ action }) => action === 'clear'));
    await venue.play(4_000);
    await book.pipeline.drain();
    expect(await running).toMatchObject({ outcome: 'completed' });
    const { bids, asks, lastUpdateId } = venue.book;
    expect(bookOf(book.items)).toMatchObject({
      last_u: lastUpdateId,
      bid_levels: bids.size,
      ask_levels: asks.size,
      clears: 2,
    });
    expect(venue.requests.filter((path) => path.includes('/depth')).length).toBe(4);
  });

  it('is begun anew after silence, and tells of what it missed', async () => {
    const faults = [{ at: 1_000, what: 'silence', frames: 400 }] as const;
    venue = await BinanceVenue.start({ session: SESSIONS.spot, faults });
    const trades = venuePipeline(venue, { stream: 'trades' }, { options: { clock: venue.clock(100) } });
    const running = trades.pipeline.run();
    await venue.play(4_000);
    await trades.pipeline.drain();
    expect(await running).toMatchObject({ outcome: 'completed' });
    expect(venue.connections).toBe(2);
    expect(expectToldTrades(venue, trades)).toBe(100);
  });

  it('of a symbol that USD-M futures have not names it', async () => {
    await startVenue('usdm');
    const { pipeline } = venuePipeline(venue, { stream: 'trades', symbols: ['BTCUSDT', 'ETHUSDT'] });
    expect(await pipeline.run()).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringContaining('expected symbols that the venue has, found ETHUSDT') },
    });
  });
});

const contextOf = (network: LazyNetwork, observed: UsedPermits[]): ProviderContext => ({
  job: 'test',
  clock: venue.clock(),
  log: silentLogger,
  gate: { ...unlimitedGate, observeUsed: (usage) => observed.push(usage) },
  network,
  random: () => 0,
  status: () => {},
});

describe('the instruments of Binance', () => {
  it.each([
    ['spot', 'crypto'],
    ['usdm', 'perpetual'],
  ] as const)('have their smallest steps: %s', async (market, assetClass) => {
    await startVenue(market);
    const network = new LazyNetwork('binance', venue.clock());
    const context = contextOf(network, []);
    const provider =
      market === 'spot'
        ? createSpot(SpotOptions.parse(venue.options), context)
        : createUsdm(UsdmOptions.parse(venue.options), context);
    const { signal } = new AbortController();
    const page = await provider.instruments?.({ cursor: null }, signal);
    const expected: Instrument = {
      symbol: 'BTCUSDT',
      assetClass,
      tickSize: 0.01,
      lotSize: 0.00001,
      currency: 'USDT',
    };
    expect(page).toEqual({ items: [expected], next: null });
    const none = await provider.instruments?.({ cursor: null, assetClass: 'future' }, signal);
    expect(none?.items).toEqual([]);
    await network.close();
  });
});

describe('the weight that Binance counts as used', () => {
  it('is told to the gate with each answer, a refusal too, but only where that is asked for', async () => {
    await startVenue('spot');
    const network = new LazyNetwork('binance', venue.clock());
    const { signal } = new AbortController();
    const observed: UsedPermits[] = [];
    const context = contextOf(network, observed);
    const silent = createSpot(SpotOptions.parse(venue.options), context);
    await silent.instruments?.({ cursor: null }, signal);
    expect(observed).toEqual([]);
    const telling = createSpot(SpotOptions.parse({ ...venue.options, observeWeight: true }), context);
    await telling.instruments?.({ cursor: null }, signal);
    venue.refuse({ status: 429, code: -1003, msg: 'Too much' });
    await expect(telling.instruments?.({ cursor: null }, signal)).rejects.toMatchObject({
      kind: 'throttled',
    });
    expect(observed).toEqual([{ used: 40 }, { used: 60 }]);
    await network.close();
  });
});
