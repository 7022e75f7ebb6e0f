import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { formatIsoNanos } from '../../src/columns/iso-nanos.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import { sleep } from '../../src/core/clock.js';
import { millis, type Nanos } from '../../src/core/units.js';
import type { Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import { barsOperator } from '../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../src/stages/operators/bars/options.js';
import {
  feedOf,
  isRow,
  isWatermark,
  keepingSink,
  pipelineOf,
  type Stream,
  TRADES,
  watching,
} from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { RecordedRejects } from '../support/stage-context.js';

const START = 1_700_000_000_000_000_000n;
const DAY_MS = 86_400_000;
const ms = (value: number): bigint => BigInt(Math.round(value * 1e6));
const timeOf = (entry: Row | ControlRecord): bigint => {
  const { time, at } = entry as { time?: bigint; at?: bigint };
  return (time ?? at)!;
};
/** Event time in ms since the start. */
const atMs = (entry: Row | ControlRecord): number => Number(timeOf(entry) - START) / 1e6;

function start({
  maxDelayMs = 0,
  delivery = 'live-only' as const,
  schema = TRADES as Schema,
  rejects = new RecordedRejects(),
} = {}) {
  const clock = new SimulatedClock({ wall: START });
  const feed = feedOf(schema, { order: { scope: 'symbol', maxDelayNs: maxDelayMs * 1e6 }, delivery });
  const seen: (readonly [number, Row | ControlRecord])[] = [];
  const { sink } = keepingSink();
  const look = (stream: Stream) => {
    for (const entry of stream) seen.push([Number(clock.now()) / 1e6, entry]);
  };
  const operators = () => [watching(schema, look)];
  const pipeline = pipelineOf({ source: feed.make, operators, sink, clock, rejects });
  return {
    clock,
    feed,
    seen,
    pipeline,
    rejects,
    run: pipeline.run(),
    push: (...timesMs: number[]) =>
      feed.push(...timesMs.map((time) => ({ time: START + ms(time), symbol: 'A', price: 1 }))),
    /** What was told, as [when, instant] in ms. */
    told: () => seen.filter(([, entry]) => isWatermark(entry)).map(([at, entry]) => [at, atMs(entry)]),
    /** Rows below a watermark before them. */
    late() {
      let watermark = Number.NEGATIVE_INFINITY;
      return seen.filter(([, entry]) => {
        if (isWatermark(entry)) watermark = Math.max(watermark, atMs(entry));
        return isRow(entry) && atMs(entry) < watermark;
      });
    },
  };
}

describe('a live source', () => {
  it('that is two seconds behind, or ahead, loses nothing, in whatever order rows come within the delay', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(2_000, 0, -1_270),
        fc.array(fc.tuple(fc.nat(900), fc.nat(300)), { minLength: 1, maxLength: 40 }),
        async (lagMs, receipts) => {
          const { clock, push, feed, run, late, told } = start({ maxDelayMs: 300 });
          await clock.advance(0);
          let now = 0;
          for (const [afterMs, jitterMs] of receipts) {
            await clock.advance(afterMs);
            now += afterMs;
            push(now - lagMs - jitterMs);
          }
          await clock.advance(3_000);
          feed.end();
          expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
          expect(late()).toEqual([]);
          expect(told().length).toBeGreaterThan(10);
          expect(clock.timersPending).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('that goes quiet is told how far time is, every 200 ms', async () => {
    const { clock, push, feed, run, told } = start();
    await clock.advance(0);
    push(-2_000);
    await clock.advance(1_000);
    expect(told()).toEqual([
      [0, -2_000],
      [200, -1_800],
      [400, -1_600],
      [600, -1_400],
      [800, -1_200],
      [1_000, -1_000],
    ]);
    feed.end();
    await run;
    expect(clock.timersPending).toBe(0);
  });

  it('that never gave a row tells no time', async () => {
    const { clock, feed, run, told } = start();
    await clock.advance(5_000);
    expect(told()).toEqual([]);
    feed.end();
    await run;
  });

  it('is told the time at most once in 200 ms, behind the rows of a batch where they keep coming', async () => {
    const { clock, push, feed, run, told, seen } = start();
    for (let now = 0; now < 2_000; now += 30) {
      push(now, now);
      await clock.advance(30);
    }
    feed.end();
    await run;
    const times = told().map(([at]) => at!);
    expect(times.length).toBeGreaterThan(7);
    times.slice(1).forEach((at, i) => {
      expect(at - times[i]!).toBeGreaterThanOrEqual(200);
    });
    const first = seen.findIndex(([, entry]) => isWatermark(entry));
    expect(seen.slice(0, first).every(([, entry]) => isRow(entry))).toBe(true);
    expect(first).toBe(2);
  });

  it('whose lag jumps loses rows of the jump alone', async () => {
    const { clock, push, feed, run, late } = start();
    for (let now = 0; now < 10_000; now += 100) {
      push(now < 4_000 ? now : now - 1_500);
      await clock.advance(100);
    }
    feed.end();
    await run;
    const lost = late().map(([at]) => at);
    expect(Math.min(...lost)).toBe(4_000);
    expect(Math.max(...lost)).toBeLessThan(5_600);
  });

  it('stands still while it is paused: rows that have waited as long are not late', async () => {
    const { clock, push, feed, run, late, told, pipeline } = start();
    await clock.advance(0);
    push(0);
    await clock.advance(500);
    pipeline.pause();
    push(500); // the read that is under way takes it
    await clock.advance(0);
    const before = told().length;
    await clock.advance(60_000);
    expect(told()).toHaveLength(before);
    push(550, 700);
    pipeline.resume();
    await clock.advance(1_000);
    expect(late()).toEqual([]);
    expect(told().at(-1)![1]).toBeGreaterThan(700);
    feed.end();
    await run;
    expect(clock.timersPending).toBe(0);
  });

  it('that can be replayed, or has no event time, is told none', async () => {
    const untimed: Schema = { kind: 'custom', columns: [{ name: 'price', type: 'float64' }] };
    for (const options of [{ delivery: 'replayable' as never }, { schema: untimed }]) {
      const { clock, feed, run, told } = start(options);
      feed.push({ time: START, symbol: 'A', price: 1 });
      await clock.advance(2_000);
      expect(clock.timersPending).toBeLessThanOrEqual(1); // that of the batcher
      feed.end();
      await run;
      expect(told()).toEqual([]);
    }
  });

  it('gives the bars of a silence while it lasts, and its sink one batch at a time', async () => {
    const clock = new SimulatedClock({ wall: START });
    const feed = feedOf(TRADES);
    let atOnce = 0;
    const { stream, sink } = keepingSink(async () => {
      expect(++atOnce).toBe(1);
      await sleep(clock, millis(70));
      atOnce--;
    });
    /** A row for each whole second that a watermark has passed: stands for bars that close by it. */
    let second = -1;
    const ticking: Operator = {
      output: TRADES,
      process(batch, emit) {
        const marks = batch.controls.filter(({ record }) => record.type === 'watermark');
        const passed = marks.map(({ record }) => Math.floor(atMs(record) / 1_000)).at(-1) ?? second;
        batch.length = passed > second ? 1 : 0;
        batch.float64('price')[0] = passed;
        second = passed;
        emit(batch);
      },
    };
    const operators = () => [ticking];
    const pipeline = pipelineOf({ source: feed.make, operators, sink, clock, batcher: { maxDelayMs: 50 } });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push({ time: START, symbol: 'A', price: 1 });
    for (let at = 0; at < 3_500; at++) await clock.advance(1);
    expect(stream.filter(isRow).map(({ price }) => price)).toEqual([0, 1, 2, 3]);
    feed.end();
    for (let at = 0; at < 300; at++) await clock.advance(1);
    await run;
    expect(clock.timersPending).toBe(0);
  });

  it('goes by the monotonic clock: a wall clock that is set moves nothing', async () => {
    class SetClock extends SimulatedClock {
      offset = 0n;
      override wall(): Nanos {
        return (super.wall() + this.offset) as Nanos;
      }
    }
    const clock = new SetClock({ wall: START });
    const feed = feedOf(TRADES);
    const told: number[] = [];
    const operators = () => [
      watching(TRADES, (stream) => told.push(...stream.filter(isWatermark).map(atMs))),
    ];
    const pipeline = pipelineOf({ source: feed.make, operators, sink: keepingSink().sink, clock });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push({ time: START, symbol: 'A', price: 1 });
    await clock.advance(200);
    clock.offset = ms(3_600_000);
    await clock.advance(200);
    clock.offset = ms(-3_600_000);
    await clock.advance(200);
    expect(told).toEqual([0, 200, 400, 600]);
    feed.end();
    await run;
  });
});

describe('a live row more than a day ahead of the clock', () => {
  it('goes to the rejects, counts as rejected, and moves no watermark', async () => {
    const { clock, push, feed, run, seen, told, rejects } = start();
    await clock.advance(0);
    push(0, 1, DAY_MS + 5_000, 2);
    push(DAY_MS - 1);
    await clock.advance(1_000);
    feed.end();
    const report = await run;
    expect(report).toMatchObject({
      outcome: 'completed',
      rowsPending: 0,
      counters: { rowsIn: 5, rowsOut: 4, rowsRejected: 1 },
    });
    expect(seen.filter(([, entry]) => isRow(entry)).map(([, entry]) => atMs(entry))).toEqual([
      0,
      1,
      2,
      DAY_MS - 1,
    ]);
    expect(told().every(([at, instant]) => instant! <= at!)).toBe(true);
    expect(rejects.rows).toEqual([
      {
        file: 'feed',
        line: 3,
        field: 'time',
        expected: `a time at most a day ahead of the clock (${new Date(Number(START / 1_000_000n)).toISOString()})`,
        found: `${formatIsoNanos(START + ms(DAY_MS + 5_000)).slice(0, 23)}Z`,
      },
    ]);
    expect(rejects.flushes).toBeGreaterThan(0);
  });

  it('stops a job without dead letters, after the rows before it were delivered', async () => {
    const clock = new SimulatedClock({ wall: START });
    const feed = feedOf(TRADES);
    const { stream, sink } = keepingSink();
    const pipeline = pipelineOf({ source: feed.make, sink, clock });
    const run = pipeline.run();
    const row = (time: number) => ({ time: START + ms(time), symbol: 'A', price: time });
    feed.push(row(0), row(1), row(2 * DAY_MS), row(3));
    await clock.advance(0);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'ROW_INVALID',
        message: expect.stringContaining('feed:3: time: expected a time at most a day'),
      },
      counters: { rowsIn: 4, rowsOut: 2, rowsRejected: 1 },
      rowsPending: 1,
    });
    expect(stream.filter((entry) => !isWatermark(entry))).toEqual([
      row(0),
      row(1),
      { type: 'end', how: 'failed' },
    ]);
    expect(clock.timersPending).toBe(0);
  });
});

describe('a row ahead of the clock with a store, and no dead letters', () => {
  it.each([
    ['resumable', 1],
    ['live-only', 2],
  ] as const)(
    'leaves what stands behind it to the next start where that can have it again (%s)',
    async (delivery, saves) => {
      const clock = new SimulatedClock({ wall: START });
      const feed = feedOf(TRADES, { delivery });
      const { sink } = keepingSink();
      let saved = 0;
      const saver = { everyMs: 1_000_000, save: async () => void saved++ };
      const pipeline = pipelineOf({ source: feed.make, sink, clock, saver });
      const run = pipeline.run();
      const row = (time: number) => ({ time: START + ms(time), symbol: 'A', price: time });
      feed.push(row(0));
      await clock.advance(0);
      await pipeline.checkpoint();
      feed.push(row(1), row(2 * DAY_MS), row(3));
      await clock.advance(0);
      expect((await run).outcome).toBe('failed');
      expect(saved).toBe(saves);
    },
  );
});

describe('bars of a live source', () => {
  it('that is two seconds behind lose no row', async () => {
    const clock = new SimulatedClock({ wall: START });
    const feed = feedOf(TRADES);
    const { sink } = keepingSink();
    const operators = (context: StageContext) => [
      barsOperator.create(BarsOptions.parse({ every: '1s', price: 'price' }), TRADES, context),
    ];
    const run = pipelineOf({ source: feed.make, operators, sink, clock }).run();
    for (let now = 0; now < 5_000; now += 50) {
      await clock.advance(50);
      feed.push({ time: START + ms(now - 2_000), symbol: now % 100 === 0 ? 'A' : 'B', price: 1 });
    }
    await clock.advance(1);
    feed.end();
    await clock.advance(1);
    expect(await run).toMatchObject({ counters: { rowsDropped: 0, rowsFolded: 100 }, rowsPending: 0 });
  });
});

describe('a checkpoint of a live source', () => {
  it('holds no instant of the monotonic clock, which means nothing to another process', async () => {
    const checkpointAfterSomeTime = async (now: bigint) => {
      const clock = new SimulatedClock({ now, wall: START });
      const feed = feedOf(TRADES);
      const operators = (context: StageContext) => [
        barsOperator.create(BarsOptions.parse({ every: '1s', price: 'price' }), TRADES, context),
      ];
      const { sink } = keepingSink();
      const pipeline = pipelineOf({ source: feed.make, operators, sink, clock });
      const run = pipeline.run();
      for (let at = 0; at < 3_000; at += 300) {
        await clock.advance(300);
        feed.push({ time: START + ms(at - 700), symbol: 'A', price: 1 });
      }
      await clock.advance(1);
      const checkpoint = await pipeline.checkpoint();
      feed.end();
      await clock.advance(1);
      await run;
      return checkpoint;
    };
    const checkpoint = await checkpointAfterSomeTime(0n);
    expect(Object.keys(checkpoint.states)).toEqual(['source', 'intake', 'operators[0]', 'rows', 'sink']);
    expect(await checkpointAfterSomeTime(123_456_789_000_000_000n)).toEqual(checkpoint);
  });
});
