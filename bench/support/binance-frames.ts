import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { NotRun } from './bench-result.js';

/** Frames of one channel. */
export interface BinanceFrames {
  readonly name: string;
  readonly market: 'spot' | 'usdm';
  readonly channel: 'trade' | 'bookTicker' | 'depth';
  readonly symbols: readonly string[];
  readonly frames: readonly Buffer[];
}

const CHANNELS = ['trade', 'bookTicker', 'depth'] as const;
/** Beside the repository; it is in no package and no clone. */
const FOLDER = fileURLToPath(new URL('../../../../shared/data/raw-ws-binance/', import.meta.url));
const SESSIONS = { spot: 'spot_btcusdt_20240808.gz', usdm: 'usdm_btcusdt_20240808.gz' } as const;

/** Those of two recorded sessions, by market and channel. */
export function recordedFrames(): BinanceFrames[] | NotRun {
  if (!existsSync(FOLDER)) {
    return { name: 'recorded frames', ours: false, notRun: 'there is no ../shared/data/raw-ws-binance' };
  }
  return (['spot', 'usdm'] as const).flatMap((market) => {
    const lines = gunzipSync(readFileSync(FOLDER + SESSIONS[market]))
      .toString('latin1')
      .split('\n');
    return CHANNELS.map((channel) => {
      const sign = `{"stream":"btcusdt@${channel}`;
      const frames = lines.flatMap((line) => {
        const at = line.indexOf(' ') + 1;
        return line.startsWith(sign, at) ? [Buffer.from(line.slice(at), 'latin1')] : [];
      });
      return { name: `recorded ${market} ${channel}`, market, channel, symbols: ['BTCUSDT'], frames };
    });
  });
}

const GENERATED = 20_000;
const LEVELS = 20;

/** Made ones in the form of USD-M futures, the same each time. */
export function generatedFrames(): BinanceFrames[] {
  const symbols = Array.from({ length: 20 }, (_, i) => `COIN${i}USDT`);
  let seed = 7;
  const below = (bound: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % bound;
  };
  const price = () => `${60_000 + below(2_000)}.${below(10)}0`;
  const size = () => `${below(3)}.${String(below(1_000)).padStart(3, '0')}`;
  const levels = () => Array.from({ length: LEVELS / 2 }, () => [price(), size()]);
  const dataOf = (channel: BinanceFrames['channel'], s: string, i: number): object => {
    const at = 1_723_161_256_322 + i;
    switch (channel) {
      case 'trade':
        return {
          e: 'trade',
          E: at,
          T: at,
          s,
          t: 5_266_583_935 + i,
          p: price(),
          q: size(),
          X: 'MARKET',
          m: i % 2 === 0,
        };
      case 'bookTicker':
        return {
          e: channel,
          u: 5_123_107_839_020 + i,
          s,
          b: price(),
          B: size(),
          a: price(),
          A: size(),
          T: at,
          E: at,
        };
      case 'depth': {
        const u = 5_123_107_839_020 + 10 * i;
        return { e: 'depthUpdate', E: at, T: at, s, U: u - 9, u, pu: u - 10, b: levels(), a: levels() };
      }
    }
  };
  return CHANNELS.map((channel) => {
    const frames = Array.from({ length: GENERATED }, (_, i) => {
      const symbol = symbols[below(symbols.length)]!;
      const stream = `${symbol.toLowerCase()}@${channel}`;
      return Buffer.from(JSON.stringify({ stream, data: dataOf(channel, symbol, i) }));
    });
    return { name: `generated ${channel}`, market: 'usdm', channel, symbols, frames };
  });
}
