import { describe, expect, it } from 'vitest';
import type { StageContext } from '../../src/engine/stage.js';
import {
  feedOf,
  isRow,
  isWatermark,
  keepingSink,
  pipelineOf,
  TRADES,
  watching,
} from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const START = 1_700_000_000_000_000_000n;
const row = (ms: number) => ({ time: START + BigInt(ms) * 1_000_000n, symbol: 'A', price: ms });

/** A source in the hands of the test, with further properties. */
function start(more: object) {
  const clock = new SimulatedClock({ wall: START });
  const feed = feedOf(TRADES);
  const { sink, stream } = keepingSink();
  let told = 0;
  const look = (seen: readonly object[]) => {
    told += (seen as typeof stream).filter(isWatermark).length;
  };
  const pipeline = pipelineOf({
    source: (context: StageContext) => Object.assign(feed.make(context), more, { stop() {} }),
    operators: () => [watching(TRADES, look)],
    sink,
    clock,
    saver: { everyMs: 1_000_000, save: async () => {} },
  });
  const prices = () => stream.filter(isRow).map((entry) => (entry as { price?: unknown }).price);
  return { clock, feed, pipeline, run: pipeline.run(), prices, told: () => told };
}

describe('a live source', () => {
  it.each([
    [{}, true],
    [{ tellsTime: true }, false],
  ])('with %j is told the time: %s', async (more, isTold) => {
    const { clock, feed, pipeline, run, told } = start(more);
    feed.push(row(0));
    await clock.advance(1_000);
    expect(told() > 0).toBe(isTold);
    pipeline.stop();
    feed.end();
    await clock.advance(1);
    await run;
  });

  it.each([
    [{}, [0]],
    [{ holdsRows: true }, [0, 1, 2]],
  ])('with %j is read on after a drain or not', async (more, delivered) => {
    const { clock, feed, pipeline, run, prices } = start(more);
    await clock.advance(1);
    pipeline.drain();
    feed.push(row(0)); // the read that waits
    feed.push(row(1));
    feed.push(); // a batch without rows is dropped
    feed.push(row(2));
    feed.end();
    await clock.advance(1);
    expect(await run).toMatchObject({ reason: 'drained', rowsPending: 0 });
    expect(prices()).toEqual(delivered);
  });

  it('that holds rows is read on though a suspend follows its drain', async () => {
    const { clock, feed, pipeline, run, prices } = start({ holdsRows: true });
    await clock.advance(1);
    pipeline.drain();
    pipeline.suspend();
    feed.push(row(0));
    feed.push(row(1));
    feed.end();
    await clock.advance(1);
    expect(await run).toMatchObject({ reason: 'drained', rowsPending: 0 });
    expect(prices()).toEqual([0, 1]);
  });

  it('that holds rows is not read on after a stop', async () => {
    const { clock, feed, pipeline, run, prices } = start({ holdsRows: true });
    await clock.advance(1);
    pipeline.stop();
    feed.push(row(0));
    feed.push(row(1));
    await clock.advance(1);
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(prices().length).toBeLessThan(2);
  });
});
