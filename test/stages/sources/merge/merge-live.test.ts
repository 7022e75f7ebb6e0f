import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { nanos } from '../../../../src/core/units.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../../src/runtime/pipeline-builder.js';
import { liveComponent, watchingComponent } from '../../../support/nested-stages.js';
import { feedOf, isRow, isWatermark, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { IN_ORDER, ROWS } from './merge-rig.js';

const START_MS = Date.parse('2024-03-04T10:00:00Z');
const at = (ms: number): bigint => BigInt(START_MS + ms) * 1_000_000n;
const row = (ms: number, price: number, symbol = 'A'): Row => ({ time: at(ms), symbol, price });

/** Sources in the hands of the test, on virtual time, which is a millisecond ahead of the rows. */
async function live(
  options: object = {},
  more: PipelineOptions = {},
  names = ['a', 'b'],
  look: (stream: Stream) => void = () => {},
) {
  const clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) });
  const feeds = {
    a: feedOf(ROWS),
    b: feedOf(ROWS),
    replayed: feedOf(ROWS, { order: IN_ORDER, delivery: 'replayable' }),
  };
  const kept = keepingSink();
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'live',
      source: { use: 'merge', sources: names.map((use) => ({ use })), ...options },
      operators: [{ use: 'watching' }],
      batcher: { maxDelayMs: 1 },
      sink: { use: 'null' },
    }),
    {
      clock,
      components: [
        ...Object.entries(feeds).map(([name, { make }]) =>
          liveComponent(name, (_, context) => make(context), ROWS),
        ),
        watchingComponent(look),
      ],
      sink: { create: () => kept.sink },
      ...more,
    },
  );
  const built = await pipeline.build();
  const run = pipeline.run();
  await clock.advance(1);
  const prices = () => (kept.stream.filter(isRow) as Row[]).map(({ price }) => price);
  const healthOf = () => built.describe().find(({ stage }) => stage === 'source');
  return { ...feeds, clock, pipeline: built, run, prices, stream: kept.stream as Stream, healthOf };
}

describe('merge of live sources', () => {
  it('passes a row on once the other source has said that none comes before it', async () => {
    const { clock, a, b, prices, pipeline, run } = await live();
    a.push(row(0, 1));
    b.push(row(0, 2));
    await clock.advance(500);
    a.push(row(500, 3));
    await clock.advance(1);
    expect(prices()).toEqual([1, 2]);
    b.push(row(400, 4));
    await clock.advance(1);
    expect(prices()).toEqual([1, 2]); // b may have others of up to 500
    await clock.advance(600);
    expect(prices()).toEqual([1, 2, 4, 3]);
    pipeline.stop();
    await clock.advance(1);
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(clock.timersPending).toBe(0);
  });

  it('does not wait for a silent source for longer than its clock says', async () => {
    const { clock, a, b, prices, pipeline, run } = await live();
    b.push(row(0, 1));
    a.push(row(0, 2));
    await clock.advance(10_000);
    for (let second = 10; second < 20; second++) {
      a.push(row(second * 1_000, second));
      await clock.advance(1_000);
    }
    expect(prices()).toEqual([2, 1, ...Array.from({ length: 10 }, (_, i) => 10 + i)]);
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('goes on after a while without a source that has had no row at all, and takes its rows as they come', async () => {
    const { clock, a, b, prices, pipeline, run } = await live({ idle: '3s' });
    a.push(row(0, 1));
    await clock.advance(2_900);
    expect(prices()).toEqual([]);
    await clock.advance(400);
    expect(prices()).toEqual([1]);
    a.push(row(3_300, 2));
    await clock.advance(1_000);
    expect(prices()).toEqual([1, 2]);
    b.push(row(4_300, 3));
    a.push(row(4_300, 4));
    await clock.advance(1_000);
    expect(prices()).toEqual([1, 2, 4, 3]);
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it.each([
    ['', { idle: '3s' }],
    [
      ' inside another merge',
      { sources: [{ use: 'merge', idle: '3s', sources: [{ use: 'a' }, { use: 'b' }] }], idle: '1h' },
    ],
  ])('waits for a source that has had no row as long after a pause as without one%s', async (_, options) => {
    const { clock, a, prices, pipeline, run } = await live(options);
    a.push(row(0, 1));
    await clock.advance(1_000);
    pipeline.pause();
    await clock.advance(60_000);
    pipeline.resume();
    await clock.advance(1_000);
    expect(prices()).toEqual([]);
    await clock.advance(1_500);
    expect(prices()).toEqual([1]);
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('waits for bars of a source that are not over yet', async () => {
    const barsOf = (use: string, every: string) => ({ use, operators: [{ use: 'bars', every }] });
    const sources = [barsOf('a', '1s'), barsOf('b', '1m')];
    const { clock, a, b, stream, pipeline, run } = await live({ sources, idle: '3s' });
    for (let second = 0; second < 70; second++) {
      a.push(row(1_000 * second, 1));
      b.push(row(1_000 * second, 2));
      await clock.advance(1_000);
    }
    const times = (stream.filter(isRow) as Row[]).map(({ time }) => time);
    expect(times.length).toBeGreaterThan(60);
    expect(times).toEqual([...times].sort());
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('gives the least watermark of its sources, and no other', async () => {
    const told: number[] = [];
    const { clock, a, b, pipeline, run } = await live({}, {}, ['a', 'b'], (stream) => {
      for (const entry of stream.filter(isWatermark)) {
        told.push(Number((entry as { at: bigint }).at - at(0)) / 1e6);
      }
    });
    a.push(row(0, 1));
    b.push(row(0, 2));
    await clock.advance(2_000);
    const before = told.at(-1)!;
    expect(told.length).toBeGreaterThan(5);
    expect(before).toBeGreaterThan(1_500);
    b.push(row(500, 3)); // so b is 1.5 s behind
    await clock.advance(1_000);
    expect(told.at(-1)).toBeLessThanOrEqual(2_000);
    await clock.advance(2_000);
    expect(told.at(-1)).toBeGreaterThan(3_000);
    expect(told.at(-1)).toBeLessThanOrEqual(3_500);
    expect(told).toEqual([...new Set(told)].sort((x, y) => x - y));
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('merges a recording with a live source', async () => {
    const { clock, replayed, a, prices, run } = await live({}, {}, ['replayed', 'a']);
    a.push(row(0, 100));
    await clock.advance(1);
    replayed.push(row(-20, 1), row(-10, 2));
    replayed.push(row(0, 3), row(10, 4));
    await clock.advance(1);
    replayed.end();
    await clock.advance(500);
    expect(prices()).toEqual([1, 2, 3, 100, 4]);
    a.push(row(600, 101));
    await clock.advance(600);
    expect(prices()).toEqual([1, 2, 3, 100, 4, 101]);
    a.end();
    await clock.advance(1);
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'end of input', rowsPending: 0 });
  });

  it('delivers on a drain what it has read and held', async () => {
    const { clock, a, b, prices, pipeline, run } = await live();
    a.push(row(0, 1));
    b.push(row(0, 2));
    await clock.advance(250);
    a.push(row(300, 4));
    b.push(row(250, 3));
    await clock.advance(1);
    expect(prices()).toEqual([1, 2]);
    pipeline.drain();
    await clock.advance(5);
    const report = await run;
    expect(report).toMatchObject({ reason: 'drained', rowsPending: 0, counters: { rowsIn: 4, rowsOut: 4 } });
    expect(prices()).toEqual([1, 2, 3, 4]);
  });

  it('delivers on a drain of a paused pipeline, too', async () => {
    const { clock, a, b, prices, pipeline, run } = await live();
    a.push(row(0, 1));
    b.push(row(0, 2));
    await clock.advance(250);
    a.push(row(300, 4));
    await clock.advance(1);
    pipeline.pause();
    await clock.advance(1_000);
    pipeline.drain();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'drained', rowsPending: 0 });
    expect(prices()).toEqual([1, 2, 4]);
  });

  it('keeps what it holds in a suspend, and goes on with it', async () => {
    const store = new MemoryCheckpointStore();
    const first = await live({}, { store });
    first.a.push(row(0, 1));
    first.b.push(row(0, 2));
    await first.clock.advance(250);
    first.a.push(row(300, 4), row(301, 5));
    await first.clock.advance(1);
    first.pipeline.suspend();
    await first.clock.advance(1);
    expect(await first.run).toMatchObject({ reason: 'suspended' });
    expect(first.prices()).toEqual([1, 2]);

    const second = await live({}, { store });
    second.b.push(row(260, 3));
    await second.clock.advance(5);
    second.a.push(row(900, 6));
    second.b.push(row(900, 7));
    await second.clock.advance(1_500);
    expect(second.prices()).toEqual([3, 4, 5, 6, 7]);
    second.pipeline.stop();
    await second.clock.advance(1);
    await second.run;
  });

  it('is cut soon while all of it is silent', async () => {
    const { clock, pipeline, run } = await live();
    let isTaken = false;
    const taken = pipeline.checkpoint().finally(() => {
      isTaken = true;
    });
    for (const ms of [210, 1, 1, 1]) await clock.advance(ms);
    expect(isTaken).toBe(true);
    expect((await taken).states.source).toMatchObject({ inputs: { 'sources[0]': {}, 'sources[1]': {} } });
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('is cut soon though one source tells the time again and again, and its rows wait for another', async () => {
    const { clock, a, pipeline, run } = await live({ idle: '1h' });
    a.push(row(0, 1));
    await clock.advance(1_000);
    let isTaken = false;
    const taken = pipeline.checkpoint().finally(() => {
      isTaken = true;
    });
    for (const ms of [210, 1, 1, 1]) await clock.advance(ms);
    expect(isTaken).toBe(true);
    await taken;
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('fails with the error of a source, which names it, after the rows that were read', async () => {
    const { clock, a, b, prices, run } = await live();
    a.push(row(0, 1), row(5, 2));
    await clock.advance(1);
    b.fail(new Error('socket hang up'));
    await clock.advance(1);
    const { error } = await run;
    expect(error).toMatchObject({ code: 'SOURCE_FAILED' });
    expect(error?.message).toContain('Source "b" (source.sources[1])');
    expect(prices()).toEqual([1, 2]);
  });

  it('fails with the name of the source that lags, where no more rows may wait for it', async () => {
    const { clock, a, run } = await live({ rowsMax: 3 });
    a.push(row(1, 1), row(2, 2));
    await clock.advance(1);
    a.push(row(3, 3), row(4, 4));
    await clock.advance(1);
    const { error } = await run;
    expect(error).toMatchObject({ code: 'INPUT_LAGS', retryable: true });
    expect(error?.message).toContain('Source "b" (source.sources[1]) lags behind the others: 4 rows wait');
  });

  it('says in its health which source holds up the others, and how many rows each has', async () => {
    const { clock, a, b, healthOf, pipeline, run } = await live();
    a.push(row(0, 1));
    await clock.advance(5);
    expect(healthOf()).toMatchObject({ health: { status: 'ok' } });
    await clock.advance(2_000);
    expect(healthOf()).toMatchObject({
      health: {
        status: 'degraded',
        reason: 'sources[1] holds up the others: 1 rows have waited for it for 2 s',
      },
      statistics: { rowsHeld: 1, 'sources[0].rowsHeld': 1, 'sources[1].rowsHeld': 0 },
    });
    b.push(row(1_900, 2));
    await clock.advance(300);
    expect(healthOf()).toMatchObject({ health: { status: 'ok' } });
    pipeline.stop();
    await clock.advance(1);
    await run;
  });

  it('passes on what a source says of gaps', async () => {
    const { clock, a, b, stream, pipeline, run } = await live();
    const gap = { type: 'gap', from: nanos(at(0)), to: nanos(at(3)), reason: 'reconnected' } as const;
    a.push(row(0, 1), gap, row(3, 2));
    b.push(row(1, 3));
    await clock.advance(500);
    expect(stream.filter((entry) => !isWatermark(entry))).toEqual([row(0, 1), gap, row(1, 3), row(3, 2)]);
    pipeline.stop();
    await clock.advance(1);
    await run;
  });
});
