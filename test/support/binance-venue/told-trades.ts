import { expect } from 'vitest';
import type { BinanceVenue } from './venue.js';
import type { venuePipeline } from './venue-pipeline.js';

/**
 * Checks what a pipeline has delivered of the trades of a venue: each that was sent, once and in the order of ids;
 * besides, only such as were missed and then fetched. One that was missed by a reconnect and not fetched lies in a gap.
 *
 * @returns How many were missed by reconnects.
 */
export function expectToldTrades(venue: BinanceVenue, trades: ReturnType<typeof venuePipeline>): number {
  const { sent, lost } = venue.ledger.trade;
  const ids = trades.rows().map(({ sequence }) => Number(sequence));
  const delivered = new Set(ids);
  const known = new Set([...sent, ...lost]);
  expect(ids.find((id, i) => i > 0 && id <= ids[i - 1]!)).toBeUndefined();
  expect(sent.filter((id) => !delivered.has(id))).toEqual([]);
  expect(ids.filter((id) => !known.has(id))).toEqual([]);

  const gaps = trades.records('gap') as readonly { from: bigint; to: bigint }[];
  const isTold = (ns: bigint) => gaps.some(({ from, to }) => ns >= from && ns <= to);
  const untold = venue.missed.filter(({ id, ms }) => !delivered.has(id) && !isTold(BigInt(ms) * 1_000_000n));
  expect(untold).toEqual([]);
  return venue.missed.length;
}
