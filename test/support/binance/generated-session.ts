import { Random } from '../../../src/core/random.js';
import type { Channel, Market, RecordedFrame, RecordedSession } from './recorded-frames.js';

/** 2024-08-09T00:00:00Z. */
export const GENERATED_START_MS = 1_723_161_600_000;
/** The venue's clock is ahead of the host's. */
const AHEAD_MS = 1_200;
const LEVELS = 50;

/**
 * A made-up session in the form of a recorded one, the same for each seed: it needs no recorded data.
 *
 * @param everyMs - From a frame to the next.
 */
export function generatedSession(market: Market, frameCount: number, seed = 1, everyMs = 5): RecordedSession {
  const random = new Random(seed);
  const below = (bound: number) => random.below(bound);
  const symbol = 'BTCUSDT';
  const isUsdm = market === 'usdm';
  const priceAt = (step: number) => (60_000 + step / 10).toFixed(2);
  const size = () => `${below(5)}.${String(1 + below(999)).padStart(3, '0')}`;
  let update = 5_000_000;
  let lastUpdate = update;
  let trade = 900_000;
  let middle = 0;
  const levels = (from: number) => Array.from({ length: LEVELS }, (_, i) => [priceAt(from - i), size()]);
  const snapshot = {
    lastUpdateId: update,
    ...(isUsdm && { E: GENERATED_START_MS, T: GENERATED_START_MS }),
    bids: levels(-1),
    asks: levels(LEVELS),
  };
  const dataOf = (channel: Channel, ms: number): object => {
    const times = isUsdm ? { E: ms + 1, T: ms } : { E: ms };
    middle += below(3) - 1;
    switch (channel) {
      case 'trade': {
        const origin = isUsdm ? { X: below(50) === 0 ? 'INSURANCE_FUND' : 'MARKET' } : {};
        const t = trade++;
        return {
          e: 'trade',
          E: ms + 1,
          s: symbol,
          t,
          p: priceAt(middle),
          q: size(),
          T: ms,
          ...origin,
          m: below(2) === 0,
        };
      }
      case 'bookTicker': {
        const quote = {
          u: update,
          s: symbol,
          b: priceAt(middle),
          B: size(),
          a: priceAt(middle + 1),
          A: size(),
        };
        update++;
        return isUsdm ? { e: 'bookTicker', ...quote, ...times } : quote;
      }
      case 'depth': {
        const change = () => [priceAt(middle - 20 + below(40)), below(4) === 0 ? '0.000' : size()];
        const U = isUsdm ? lastUpdate + 3 : lastUpdate + 1; // numbers of USD-M have holes
        const pu = lastUpdate;
        update = Math.max(update, U) + 1 + below(5);
        lastUpdate = update;
        const sides = { b: [change(), change()], a: [change()] };
        return { e: 'depthUpdate', ...times, s: symbol, U, u: update, ...(isUsdm && { pu }), ...sides };
      }
    }
  };
  const frames = Array.from({ length: frameCount }, (_, i): RecordedFrame => {
    const channel = (['trade', 'bookTicker', 'bookTicker', 'depth'] as const)[i % 4]!;
    const receivedMs = GENERATED_START_MS + i * everyMs;
    const data = dataOf(channel, receivedMs + AHEAD_MS);
    const stream = `${symbol.toLowerCase()}@${channel}${channel === 'depth' ? '@100ms' : ''}`;
    return {
      channel,
      receivedNs: BigInt(receivedMs) * 1_000_000n,
      bytes: Buffer.from(JSON.stringify({ stream, data })),
    };
  });
  return {
    market,
    symbol,
    frames,
    snapshot: JSON.stringify(snapshot),
    snapshotReceivedNs: BigInt(GENERATED_START_MS) * 1_000_000n,
  };
}
