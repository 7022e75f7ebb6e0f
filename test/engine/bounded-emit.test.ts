import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import type { Operator } from '../../src/engine/operator.js';
import type { Sink } from '../../src/engine/sink.js';
import { feedOf, numbersInSteps, pipelineOf, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const TRADE = { time: 1n, symbol: 'A', price: 1 };

/** Lets every other row go, and holds none. */
const thinning = (output: Operator['output'], look: () => void): Operator => ({
  output,
  process(batch, emit) {
    look();
    batch.length = Math.ceil(batch.length / 2);
    emit(batch);
  },
});

describe('an operator that emits very much in steps', () => {
  it('never has more out than a step, through other operators, the batcher and the sink', async () => {
    const rows = 6_000_000;
    const { operator, schema, pool } = numbersInSteps(rows);
    const feed = feedOf(TRADES);
    feed.push(TRADE);
    feed.end();
    let most = 0;
    let written = 0;
    const look = () => {
      most = Math.max(most, pool.outstanding);
    };
    const sink: Sink = {
      capabilities: { delivery: 'append' },
      write(batch) {
        look();
        written += batch.length;
        batch.release();
      },
      flush: () => ({ rows: written, position: null }),
    };
    const operators = () => [operator, thinning(schema, look)];
    const pipeline = pipelineOf({ source: feed.make, operators, sink });
    const report = await pipeline.run();
    expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(written).toBe(rows / 2);
    expect(most).toBe(4);
    expect(pool.outstanding).toBe(0);
  });

  it('is held up by the sink', async () => {
    const clock = new SimulatedClock();
    const { operator, pool } = numbersInSteps(100_000, { batchRows: 1_000, batchesAStep: 2 });
    const feed = feedOf(TRADES);
    feed.push(TRADE);
    feed.end();
    let writes = 0;
    const sink: Sink = {
      capabilities: { delivery: 'append' },
      async write(batch) {
        writes++;
        await sleep(clock, millis(100));
        batch.release();
      },
      flush: () => ({ rows: 0, position: null }),
    };
    const batcher = { maxRows: 1_000 };
    const pipeline = pipelineOf({ source: feed.make, operators: () => [operator], sink, clock, batcher });
    const run = pipeline.run();
    for (let ms = 0; ms < 1_050; ms++) await clock.advance(1); // the loop has its turns in between
    expect(writes).toBe(11);
    expect(pool.outstanding).toBeLessThanOrEqual(2);
    pipeline.stop();
    await clock.advance(200);
    expect(await run).toMatchObject({ outcome: 'stopped' });
    expect(writes).toBeLessThanOrEqual(12);
    expect(pool.outstanding).toBe(0);
  });

  it('steps after a flush, too, and lets nobody cut a checkpoint in between', async () => {
    const { operator, schema, pool } = numbersInSteps(50_000);
    let held = false;
    const flushing: Operator = {
      output: schema,
      process(batch) {
        held ||= batch.length > 0;
        batch.release();
      },
      flush: (emit) => operator.process(held ? oneRow() : pool.acquire(), emit),
      get hasMore() {
        return operator.hasMore === true;
      },
      emitMore: (emit) => operator.emitMore?.(emit),
      snapshot: () => {
        expect(operator.hasMore).toBe(false);
        return null;
      },
    };
    const oneRow = () => Object.assign(pool.acquire(), { length: 1 });
    const feed = feedOf(TRADES);
    let rows = 0;
    const sink: Sink = {
      capabilities: { delivery: 'append' },
      write(batch) {
        rows += batch.length;
        batch.release();
      },
      flush: () => ({ rows, position: null }),
    };
    const pipeline = pipelineOf({ source: feed.make, operators: () => [flushing], sink });
    feed.push(TRADE);
    const taken = pipeline.checkpoint();
    const run = pipeline.run();
    await taken;
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(rows).toBe(50_000);
    expect(pool.outstanding).toBe(0);
  });

  it('fails its pipeline when it has more and cannot be asked for it', async () => {
    const broken: Operator = { output: TRADES, hasMore: true, process: (batch) => batch.release() };
    const feed = feedOf(TRADES);
    feed.push(TRADE);
    const sink: Sink = {
      capabilities: { delivery: 'append' },
      write: (batch) => batch.release(),
      flush: () => ({ rows: 0, position: null }),
    };
    const report = await pipelineOf({ source: feed.make, operators: () => [broken], sink }).run();
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'INTERNAL' } });
  });
});
