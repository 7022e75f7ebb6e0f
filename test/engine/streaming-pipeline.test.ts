import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import type { SinkFactory } from '../../src/engine/factories.js';
import type { OpenSpec, OperatorSpec, SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { type BatchCallback, callbackSink } from '../../src/stages/sinks/callback.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { countingSink } from '../support/counting-sink.js';
import { handFed } from '../support/hand-fed.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const synthetic = (options: object = {}): SourceSpec => ({
  use: 'synthetic',
  rows: 1_000,
  symbols: 3,
  ...options,
});

/** A sink that keeps copies of all rows. */
function collector(afterwards: BatchCallback = () => {}) {
  const rows: Row[] = [];
  const controls: string[] = [];
  const sink = callbackSink((batch) => {
    rows.push(...Array.from(rowsOf(batch), copyRow));
    controls.push(...batch.controls.map(({ record }) => record.type));
    return afterwards(batch);
  });
  return { rows, controls, sink };
}

/** In small steps: the loop lets others have their turn in between, and sets its timers after that. */
async function pass(clock: SimulatedClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at++) await clock.advance(1);
}

describe('a pipeline', () => {
  it('delivers every row of its source, then a record of the end', async () => {
    const { rows, controls, sink } = collector();
    const report = await createPipeline({ name: 'all', source: synthetic() }, { sink }).run();
    expect(report).toMatchObject({ outcome: 'completed', reason: 'end of input', rowsPending: 0 });
    expect(report.counters).toMatchObject({ rowsIn: 1_000, rowsOut: 1_000 });
    expect(rows).toHaveLength(1_000);
    expect(controls).toEqual(['end']);
  });

  it('runs once', async () => {
    const pipeline = createPipeline({ name: 'once', source: synthetic() }, { sink: collector().sink });
    await pipeline.run();
    await expect(pipeline.run()).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('accounts for every row, whatever its operators do with it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3_000 }),
        fc.integer({ min: 1, max: 700 }),
        fc.constantFrom('bid > 0', 'bid < 0', 'bidSize % 2 == 0', 'symbol == "SYM000"'),
        fc.boolean(),
        async (count, batchRows, where, withBars) => {
          const { rows, sink } = collector();
          const operators: OperatorSpec[] = [{ use: 'filter', where }];
          if (withBars) operators.push({ use: 'bars', every: '50ms', price: 'bid' });
          const spec = { name: 'sum', source: synthetic({ rows: Math.max(1, count) }), operators, batchRows };
          const { counters, outcome } = await createPipeline(spec, { sink }).run();
          expect(outcome).toBe('completed');
          expect(counters.rowsIn + counters.rowsDerived).toBe(
            counters.rowsOut +
              counters.rowsFiltered +
              counters.rowsFolded +
              counters.rowsDropped +
              counters.rowsRejected,
          );
          expect(rows).toHaveLength(counters.rowsOut);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('hands rows that have come of age to the sink while its source is silent', async () => {
    const clock = new SimulatedClock();
    const { rows, sink } = collector();
    const feed = handFed();
    const pipeline = createPipeline(
      { name: 'age', batcher: { maxDelayMs: 100 } },
      { clock, sink, source: feed.factory },
    );
    await pipeline.build(); // its code is loaded in real time
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(1, 2);
    await clock.advance(99);
    expect(rows).toHaveLength(0);
    await clock.advance(2);
    expect(rows).toMatchObject([{ value: 1 }, { value: 2 }]);
    feed.end();
    const report = await run;
    expect(report.flushes.age).toBe(1);
    expect(clock.timersPending).toBe(0);
  });

  it('fails with the error of a sink that throws as rows come of age, though the source is silent', async () => {
    const clock = new SimulatedClock();
    const feed = handFed();
    const sink = callbackSink(() => {
      throw new Error('no room');
    });
    const pipeline = createPipeline({ name: 'age' }, { clock, sink, source: feed.factory });
    await pipeline.build();
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'failed', rowsPending: 1, error: { code: 'SINK_FAILED' } });
  });

  it('stops reading while paused, and goes on where it was', async () => {
    const clock = new SimulatedClock();
    const { rows, sink } = collector();
    const feed = handFed();
    const pipeline = createPipeline(
      { name: 'pause', batcher: { maxDelayMs: 1 } },
      { clock, sink, source: feed.factory },
    );
    const run = pipeline.run();
    feed.push(1);
    await clock.advance(10);
    await pipeline.pause();
    feed.push(2); // the read that is under way still takes it
    feed.push(3);
    await clock.advance(10);
    expect(rows).toMatchObject([{ value: 1 }, { value: 2 }]);
    await pipeline.resume();
    await clock.advance(10);
    expect(rows).toHaveLength(3);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  });

  it('delivers what is inside when it is drained, paused or not', async () => {
    const { rows, sink } = collector();
    const pipeline = createPipeline({ name: 'drain', source: { use: 'synthetic' } }, { sink });
    const run = pipeline.run();
    await pipeline.pause();
    await pipeline.drain();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(rows).toHaveLength(report.counters.rowsIn);
  });

  it('delivers nothing more when it is stopped, and says what is lost', async () => {
    const clock = new SimulatedClock();
    const { rows, sink } = collector();
    const feed = handFed();
    const pipeline = createPipeline({ name: 'stop' }, { clock, sink, source: feed.factory });
    const run = pipeline.run();
    feed.push(1, 2, 3);
    await clock.advance(1);
    await pipeline.stop();
    expect(await run).toMatchObject({ outcome: 'stopped', rowsPending: 3 });
    expect(rows).toHaveLength(0);
  });

  it('delivers what a live source gave before it failed', async () => {
    const { rows, sink } = collector();
    const feed = handFed();
    feed.push(1, 2);
    feed.fail(new Error('connection lost'));
    const report = await createPipeline({ name: 'live' }, { sink, source: feed.factory }).run();
    expect(report).toMatchObject({
      outcome: 'failed',
      rowsPending: 0,
      error: { code: 'SOURCE_FAILED', retryable: true },
    });
    expect(report.error?.message).toContain('connection lost');
    expect(rows).toHaveLength(2);
  });

  it('leaves no file behind that looks whole when a replayable source fails', async () => {
    const path = `${SCRATCH.folder}/half.csv`;
    const spec: OpenSpec = {
      name: 'half',
      source: synthetic({ faults: { errorAtRow: 500 } }),
      sink: { use: 'csv', path },
    };
    const report = await createPipeline(spec).run();
    expect(report).toMatchObject({ outcome: 'failed', outputs: [] });
    expect(report.rowsPending).toBe(report.counters.rowsIn);
  });

  it('gives its sink one batch at a time, though rows come of age while it writes', async () => {
    const clock = new SimulatedClock();
    const feed = handFed();
    const written: number[] = [];
    let atOnce = 0;
    const sink = callbackSink(async (batch) => {
      expect(++atOnce).toBe(1);
      written.push(...batch.float64('value').subarray(0, batch.length));
      await sleep(clock, millis(50));
      atOnce--;
    });
    const batcher = { maxRows: 2, maxDelayMs: 10 };
    const pipeline = createPipeline({ name: 'slow', batcher }, { clock, sink, source: feed.factory });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(1, 2, 3); // the third waits while the first two are written
    await pass(clock, 40);
    feed.push(4, 5); // and the fifth comes of age while the two before it are
    await pass(clock, 500);
    feed.push(6);
    await pass(clock, 30);
    feed.end(); // in the middle of a delivery by age
    await pass(clock, 300);
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(written).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('hands on what came of age while the sink was busy, though no row follows', async () => {
    const clock = new SimulatedClock();
    const feed = handFed();
    const { rows, sink } = collector((batch) => sleep(clock, millis(batch.length === 1 ? 100 : 0)));
    // A batch a value: the second comes of age while the first, of another age, is written.
    const batcher = { maxDelayMs: 10, key: 'id' };
    const pipeline = createPipeline({ name: 'keys', batcher }, { clock, sink, source: feed.factory });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(1);
    await clock.advance(5);
    feed.push(2);
    await pass(clock, 1_000);
    expect(rows.map(({ value }) => value)).toEqual([1, 2]);
    await pipeline.stop();
    expect(await run).toMatchObject({ outcome: 'stopped', rowsPending: 0, flushes: { age: 2 } });
  });

  it('tells what its sink threw, not what the source made of being stopped for it', async () => {
    const clock = new SimulatedClock();
    const feed = handFed({ failsOnStop: true });
    const sink = callbackSink(() => {
      throw new Error('no room');
    });
    const run = createPipeline({ name: 'both' }, { clock, sink, source: feed.factory }).run();
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
  });

  it('makes nothing durable after a stop, even one that comes in the middle of a drain', async () => {
    const clock = new SimulatedClock();
    const feed = handFed();
    let flushed = 0;
    const sink: SinkFactory<unknown> = {
      create: () => ({
        capabilities: { delivery: 'append' },
        async write(batch) {
          batch.release();
          await sleep(clock, millis(100));
        },
        flush: () => ({ rows: ++flushed, position: null }),
      }),
    };
    const pipeline = createPipeline({ name: 'both' }, { clock, sink, source: feed.factory });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1);
    await pipeline.drain();
    await clock.advance(1);
    await pipeline.stop();
    await clock.advance(100);
    expect(await run).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(flushed).toBe(0);
  });

  it('closes every stage and says why when its sink cannot be opened', async () => {
    const closed: string[] = [];
    const sink: SinkFactory<unknown> = {
      create: () => ({
        capabilities: { delivery: 'append' },
        open: () => Promise.reject(new Error('refused')),
        write: (batch) => batch.release(),
        flush: () => ({ rows: 0, position: null }),
        close: () => {
          closed.push('sink');
        },
      }),
    };
    const report = await createPipeline({ name: 'shut', source: synthetic() }, { sink }).run();
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(closed).toEqual(['sink']);
  });
});

describe('a checkpoint', () => {
  const SPEC: OpenSpec = {
    name: 'cut',
    source: { use: 'synthetic', symbols: 5, rows: 4_000, faults: { disorderEvery: 7, duplicateEvery: 11 } },
    operators: [{ use: 'bars', every: '7ms', price: 'bid', size: 'bidSize' }],
    batcher: { maxRows: 50 },
    batchRows: 64,
  };

  it.each([
    ['csv', 'out.csv'],
    ['csv', 'out.csv.gz'],
    ['csv', 'parts'],
    ['jsonl', 'out.jsonl'],
    ['parquet', 'parts'],
  ] as const)(
    'goes on through the files of %s (%s), whatever the stopped run wrote after it',
    async (use, name) => {
      const folder = join(SCRATCH.folder, `${use}-${name}`);
      const rotate = name === 'parts' ? { rotate: { rows: 700 } } : {};
      const sinkOf = (run: string) => ({ use, path: join(folder, run, name), ...rotate });
      const read = (run: string) => {
        const from = name === 'parts' ? `${join(folder, run, name)}/*.${use}` : join(folder, run, name);
        return duckdb(`SELECT * FROM '${from}' ORDER BY ALL`);
      };
      await createPipeline({ ...SPEC, sink: sinkOf('whole') }).run();

      const spec = { ...SPEC, sink: sinkOf('cut') };
      const first = createPipeline(spec);
      let taken = first.checkpoint();
      const stopped = first.run();
      for (let cut = 0; cut < 5; cut++) {
        await taken;
        taken = first.checkpoint();
      }
      const checkpoint = JSON.parse(JSON.stringify(await taken)) as Checkpoint;
      await first.checkpoint(); // past the one that is gone back to
      await first.stop();
      expect(await stopped).toMatchObject({ outcome: 'stopped' });
      expect(await createPipeline(spec, { checkpoint }).run()).toMatchObject({ outcome: 'completed' });
      expect(await read('cut')).toEqual(await read('whole'));
    },
  );

  it('lets a new run go on so that no row is lost or doubled, wherever it was taken', async () => {
    const whole: Row[] = [];
    await createPipeline(SPEC, { sink: countingSink(whole) }).run();
    expect(whole.length).toBeGreaterThan(1_000);

    for (const at of [1, 51, 400, whole.length >> 1, whole.length - 60]) {
      const before: Row[] = [];
      let taken: Promise<Checkpoint> | undefined;
      const first = createPipeline(SPEC, {
        sink: countingSink(before, at, () => {
          taken ??= first.checkpoint();
        }),
      });
      await first.run();
      const checkpoint = JSON.parse(JSON.stringify(await taken)) as Checkpoint;
      const kept = before.slice(0, checkpoint.states.sink as number);
      expect(kept.length).toBeLessThan(whole.length);

      const after: Row[] = [];
      expect(await createPipeline(SPEC, { checkpoint, sink: countingSink(after) }).run()).toMatchObject({
        outcome: 'completed',
      });
      expect([...kept, ...after]).toEqual(whole);
    }
  });

  it('is refused once the run has ended', async () => {
    const { sink } = collector();
    const pipeline = createPipeline({ name: 'over', source: synthetic() }, { sink });
    await pipeline.run();
    await expect(pipeline.checkpoint()).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('of another spec is refused, naming what differs, before anything is opened', async () => {
    const { sink } = collector();
    const spec: OpenSpec = { name: 'one', source: synthetic({ seed: 1 }) };
    const first = createPipeline(spec, { sink });
    const taken = first.checkpoint();
    await first.run();
    const other: OpenSpec = {
      name: 'one',
      source: synthetic({ seed: 2 }),
      operators: [{ use: 'filter', where: 'bid > 0' }],
    };
    const run = createPipeline(other, { sink, checkpoint: await taken }).run();
    await expect(run).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringMatching(/"one": source\.seed differs/),
    });
  });
});
