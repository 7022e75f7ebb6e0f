import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { Random } from '../../../../src/core/random.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, live, quoted, traded } from './live-rig.js';
import { csvOf, DIRECTIONS, joinedByDuckdb, START_MS, type Tick, type Ticks, ticksToJoin } from './ticks.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

/** How long ticks are under way. */
const DELAYS_MS = { trades: 5, quotes: 20 };

interface Arrival {
  readonly of: keyof Ticks;
  readonly tick: Tick;
  readonly ms: number;
}

/** All ticks in the order in which they arrive. */
function arrivalsOf(ticks: Ticks): Arrival[] {
  const arrivals = (['trades', 'quotes'] as const).flatMap((of) =>
    ticks[of].map((tick): Arrival => ({ of, tick, ms: tick.ms + DELAYS_MS[of] })),
  );
  return arrivals.sort((a, b) => a.ms - b.ms);
}

/** Gives the ticks to a pipeline as they arrive. */
async function feed({ clock, trades, quotes }: Awaited<ReturnType<typeof live>>, arrivals: Arrival[]) {
  for (const { of, tick, ms } of arrivals) {
    const waitMs = ms - Number((clock.wall() - at(0)) / 1_000_000n);
    if (waitMs > 0) await clock.advance(waitMs);
    if (of === 'trades') trades.push(traded(tick.ms, tick.value, tick.symbol));
    else quotes.push(quoted(tick.ms, tick.value, tick.symbol));
  }
  await clock.advance(1);
}

/** @param suspendAt - Number of arrivals after which it is suspended and started again. */
async function joinedLive(direction: string, arrivals: Arrival[], suspendAt: number): Promise<unknown[][]> {
  const clock = new SimulatedClock({ wall: at(0) });
  const store = new MemoryCheckpointStore();
  const first = await live({ direction, tolerance: '1h' }, { store }, { clock });
  await feed(first, arrivals.slice(0, suspendAt));
  first.pipeline.suspend();
  await clock.advance(1);
  expect(await first.run).toMatchObject({ reason: 'suspended' });

  const second = await live({ direction, tolerance: '1h' }, { store }, { clock });
  await feed(second, arrivals.slice(suspendAt));
  second.pipeline.drain();
  await clock.advance(1);
  expect(await second.run).toMatchObject({ reason: 'drained', rowsPending: 0 });
  return [...first.joined(), ...second.joined()].map(({ time, symbol, price, bid }: Row) => [
    Number((time as bigint) / 1_000_000n) - START_MS,
    symbol,
    price,
    bid,
  ]);
}

describe.each(Object.entries(ticksToJoin(1)))('asof of two live sources with %s', (_, ticksOf) => {
  const ticks = ticksOf();
  const arrivals = arrivalsOf(ticks);
  const files = {
    trades: scratch.writeNew(csvOf(ticks.trades)),
    quotes: scratch.writeNew(csvOf(ticks.quotes)),
  };

  it.each(DIRECTIONS)('%s equals the ASOF JOIN of DuckDB, suspended after any row', async (direction) => {
    const random = new Random(DIRECTIONS.indexOf(direction));
    const joined = await joinedLive(direction, arrivals, random.below(arrivals.length));
    expect(joined).toEqual(await joinedByDuckdb(direction, files));
  });
});
