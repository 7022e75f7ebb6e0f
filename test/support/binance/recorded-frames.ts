import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { factsOf, recordedPath } from '../recorded-data.js';

export type Market = 'spot' | 'usdm';
export type Channel = 'trade' | 'bookTicker' | 'depth';

/** A message of the recorded combined stream. */
export interface RecordedFrame {
  readonly receivedNs: bigint;
  readonly channel: Channel;
  readonly bytes: Buffer;
}

/** A recorded session of one symbol: what came over the socket, and the one snapshot of the book. */
export interface RecordedSession {
  readonly market: Market;
  readonly symbol: string;
  readonly frames: readonly RecordedFrame[];
  readonly snapshot: string;
  readonly snapshotReceivedNs: bigint;
}

const FILES: Readonly<Record<Market, string>> = {
  spot: 'raw-ws-binance/spot_btcusdt_20240808.gz',
  usdm: 'raw-ws-binance/usdm_btcusdt_20240808.gz',
};

export interface SessionFacts {
  readonly messages_by_channel: Readonly<Record<Channel, number>>;
  readonly trade_price: { readonly min: string; readonly max: string; readonly mean: string };
  readonly trade_qty: { readonly sum: string };
  readonly trades_by_taker_side: { readonly buy: number; readonly sell: number };
  readonly trade_ids: { readonly first: number; readonly last: number };
  readonly depth_levels_per_message: { readonly sum: string };
  readonly bookTicker: {
    readonly bid: { readonly mean: string };
    readonly last: Readonly<Record<'bid' | 'bid_qty' | 'ask' | 'ask_qty', string>> & { readonly u: number };
  };
  readonly book_after_last_depth_message: {
    readonly last_u: number;
    readonly best_bid: readonly [string, string];
    readonly best_ask: readonly [string, string];
    readonly bid_levels: number;
    readonly ask_levels: number;
  };
}

export const sessionFacts = (market: Market): SessionFacts => factsOf<SessionFacts>(FILES[market]);

/** Reads a recorded session. Lines are `RECEIVE_NS JSON`; the one without `stream` is the snapshot. */
export function recordedSession(market: Market): RecordedSession {
  const all = gunzipSync(readFileSync(recordedPath(FILES[market])));
  const frames: RecordedFrame[] = [];
  let snapshot = '';
  let snapshotReceivedNs = 0n;
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf(10, at);
    const stop = end < 0 ? all.length : end;
    const blank = all.indexOf(32, at);
    const receivedNs = BigInt(all.toString('latin1', at, blank));
    const bytes = all.subarray(blank + 1, stop);
    const channel = /^\{"stream":"[a-z0-9]+@([a-zA-Z]+)/.exec(bytes.toString('latin1', 0, 60))?.[1];
    if (channel !== undefined) frames.push({ receivedNs, channel: channel as Channel, bytes });
    else if (bytes.length > 0) {
      snapshot = bytes.toString('utf8');
      snapshotReceivedNs = receivedNs;
    }
    at = stop + 1;
  }
  return { market, symbol: 'BTCUSDT', frames, snapshot, snapshotReceivedNs };
}
