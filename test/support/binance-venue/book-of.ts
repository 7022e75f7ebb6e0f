import type { Item } from './venue-pipeline.js';

/** The book that rows and records come to. */
export function bookOf(items: readonly Item[]) {
  const sides = { bid: new Map<number, number>(), ask: new Map<number, number>() };
  let last = 0n;
  let clears = 0;
  for (const item of items) {
    if ('record' in item) {
      if (item.record.type !== 'reset') continue;
      sides.bid.clear();
      sides.ask.clear();
      continue;
    }
    const { side, price, size, action, sequence } = item.row as unknown as {
      side: 'bid' | 'ask';
      price: number;
      size: number;
      action: string;
      sequence: bigint;
    };
    last = sequence;
    if (action === 'clear') {
      sides[side].clear();
      clears++;
    } else if (size === 0) sides[side].delete(price);
    else sides[side].set(price, size);
  }
  const bid = Math.max(...sides.bid.keys());
  const ask = Math.min(...sides.ask.keys());
  return {
    last_u: Number(last),
    best_bid: [bid, sides.bid.get(bid)],
    best_ask: [ask, sides.ask.get(ask)],
    bid_levels: sides.bid.size,
    ask_levels: sides.ask.size,
    clears,
    sides,
  };
}
