import { describe, expect, it } from 'vitest';
import type { EventOrder } from '../../../src/columns/event-order.js';
import type { Operator } from '../../../src/engine/operator.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { deriveOperator } from '../../../src/stages/operators/derive/derive.js';
import { selectOperator } from '../../../src/stages/operators/select/select.js';
import { feedOf, keepingSink, pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { stageContext } from '../../support/stage-context.js';

const START = 1_700_000_000_000_000_000n;
const trade = (seconds: number) => ({
  time: START + BigInt(seconds) * 1_000_000_000n,
  symbol: 'A',
  price: 1,
});
const passing: Operator = { output: TRADES, process: (batch, emit) => emit(batch) };

/** The event-time lag of each stage in ms, after these seconds have been read. */
async function lagsAfter(
  seconds: number[],
  {
    order = { scope: 'all', maxDelayNs: 0 } as EventOrder,
    delivery = 'replayable' as 'replayable' | 'live-only',
    operators = (() => [passing]) as (context: StageContext) => Operator[],
    batcher = { maxRows: 1 } as { maxRows: number; key?: string },
    ends = false,
  } = {},
) {
  const clock = new SimulatedClock({ wall: START });
  const feed = feedOf(TRADES, { order, delivery });
  const pipeline = pipelineOf({ source: feed.make, operators, sink: keepingSink().sink, clock, batcher });
  const run = pipeline.run();
  for (const second of seconds) {
    feed.push(trade(second));
    await clock.advance(100);
  }
  if (ends) {
    feed.end();
    await run;
  }
  const lags = pipeline.describe().map(({ statistics }) => statistics.eventTimeLagMs);
  pipeline.stop();
  await run;
  return lags;
}

describe('the event-time lag of a stage', () => {
  it('is 0 where all is in step, and the delay where rows may come late', async () => {
    expect(await lagsAfter([1, 2, 3])).toEqual([0, 0, 0, 0]);
    const order = { scope: 'all', maxDelayNs: 2e9 } as const;
    expect(await lagsAfter([1, 2, 3], { order })).toEqual([2_000, 2_000, 2_000, 2_000]);
  });

  it('shows where time is held up: in a batcher that waits, or in an operator that holds rows', async () => {
    expect(await lagsAfter([1, 2, 5, 6], { batcher: { maxRows: 3 } })).toEqual([0, 0, 1_000, 1_000]);
    const holding: Operator = { ...passing, watermark: () => START };
    const operators = () => [passing, holding];
    expect((await lagsAfter([1, 2, 40], { operators })).slice(0, 3)).toEqual([0, 0, 40_000]);
  });

  it('is not told where it is not known', async () => {
    const none = [undefined, undefined, undefined, undefined];
    expect(await lagsAfter([])).toEqual(none);
    expect(await lagsAfter([1, 2], { order: { scope: 'symbol', maxDelayNs: 0 } })).toEqual(none);
    expect(await lagsAfter([1, 2], { batcher: { maxRows: 1, key: 'symbol' } })).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
    const unknowing: Operator = { ...passing, watermark: () => undefined };
    expect((await lagsAfter([1, 2], { operators: () => [unknowing] }))[1]).toBeUndefined();
  });

  it('of a live source is that of its last event behind the wall clock', async () => {
    const [ofSource] = await lagsAfter([-2, -1], { delivery: 'live-only' });
    expect(ofSource).toBe(1_200);
  });

  it('is 0 once all is out', async () => {
    const holding: Operator = { ...passing, watermark: () => START };
    expect(await lagsAfter([1, 2, 40], { operators: () => [holding], ends: true })).toEqual([0, 0, 0, 0]);
  });
});

describe('a watermark in the stream', () => {
  async function watermarksThrough(operators: (context: StageContext) => Operator[]) {
    const feed = feedOf(TRADES, { delivery: 'replayable' });
    feed.push({ type: 'watermark', at: START as never }, trade(1), {
      type: 'reset',
      at: START as never,
      reason: '',
    });
    feed.end();
    const { stream, sink } = keepingSink();
    expect(await pipelineOf({ source: feed.make, operators, sink }).run()).toMatchObject({
      outcome: 'completed',
    });
    return stream.flatMap(({ type }) => (type === undefined ? [] : [type]));
  }
  const all = ['watermark', 'reset', 'end'];
  const others = ['reset', 'end'];

  it('goes through operators that leave event time alone', async () => {
    expect(await watermarksThrough(() => [passing])).toEqual(all);
    expect(
      await watermarksThrough((context) => [
        deriveOperator.create({ columns: { twice: 'price * 2' } }, TRADES, context),
      ]),
    ).toEqual(all);
    expect(
      await watermarksThrough((context) => [
        selectOperator.create({ columns: ['price', 'time'] }, TRADES, context),
      ]),
    ).toEqual(all);
  });

  it('ends at one that gives rows another time, or none', async () => {
    const changing: Operator = { ...passing, changesTime: true };
    expect(await watermarksThrough(() => [changing])).toEqual(others);
    expect(
      await watermarksThrough((context) => [
        deriveOperator.create({ columns: { time: 'time' } }, TRADES, context),
      ]),
    ).toEqual(others);
    expect(
      await watermarksThrough((context) => [selectOperator.create({ drop: ['time'] }, TRADES, context)]),
    ).toEqual(others);
    const twoTimes = {
      ...TRADES,
      columns: [...TRADES.columns, { name: 'received', type: 'timestamp' } as const],
    };
    const swapped = selectOperator.create({ columns: { time: 'received' } }, twoTimes, stageContext());
    expect(swapped.changesTime).toBe(true);
  });
});
