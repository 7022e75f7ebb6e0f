import { describe, expect, it } from 'vitest';
import type { Schema } from '../../src/columns/schema.js';
import { sleep } from '../../src/core/clock.js';
import { PipelineError } from '../../src/core/errors.js';
import { millis } from '../../src/core/units.js';
import type { Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { batchOf } from '../support/batch-rows.js';
import { branchedPipeline } from '../support/branched-pipeline.js';
import { gatedSink } from '../support/gated-sink.js';
import { NUMBERS } from '../support/nested-stages.js';
import { feedOf } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { numbersOf, one, teeOf } from '../support/tee-of.js';

describe('a branch that is slow', () => {
  it('is waited for by a cut as long as it goes on', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(NUMBERS, { delivery: 'replayable' });
    const slow = gatedSink();
    const write = slow.sink.write.bind(slow.sink);
    slow.sink.write = async (batch) => {
      await sleep(clock, millis(12_000));
      await write(batch);
    };
    let saves = 0;
    const saver = {
      everyMs: 50,
      save: async () => {
        saves++;
      },
    };
    const pipeline = branchedPipeline({
      source: feed.make,
      sink: { tee: [{ sink: slow.sink, batcher: one }] },
      batcher: one,
      clock,
      saver,
    });
    const run = pipeline.run();
    for (let n = 0; n < 20; n++) feed.push({ n });
    for (let i = 0; i < 300; i++) await clock.advance(1_000); // ten times the deadline
    expect(saves).toBeGreaterThan(0);
    pipeline.stop();
    await clock.advance(20_000);
    expect((await run).outcome).toBe('stopped');
  });

  it('does not hold up a run that may deliver nothing more', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(NUMBERS, { delivery: 'replayable' });
    const [hung, other] = [gatedSink(), gatedSink()];
    let takeOver = (_: Error) => {};
    const saving = new Promise<void>((_, reject) => {
      takeOver = reject;
    });
    const pipeline = branchedPipeline({
      source: feed.make,
      sink: {
        tee: [
          { sink: hung.sink, batcher: one, queue: { rows: 1 } },
          { sink: other.sink, batcher: one },
        ],
      },
      batcher: one,
      clock,
      saver: { everyMs: 50, save: () => saving },
    });
    let report: PipelineReport | undefined;
    const run = pipeline.run().then((of) => {
      report = of;
    });
    feed.push({ n: 0 });
    await clock.advance(60);
    const goOn = hung.hold('write');
    for (let n = 1; n < 9; n++) feed.push({ n });
    await clock.advance(20);
    takeOver(new PipelineError('FENCED', 'taken over'));
    for (let i = 0; i < 10; i++) await clock.advance(10_000);
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'FENCED' } });
    goOn();
    await run;
  });

  it('has rows that wait when the run is stopped, and none that its queue has left out', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(NUMBERS);
    const hung = gatedSink();
    const pipeline = branchedPipeline({
      source: feed.make,
      sink: { tee: [{ sink: hung.sink, batcher: one, queue: { rows: 100, overflow: 'drop-oldest' } }] },
      batcher: one,
      clock,
    });
    const run = pipeline.run();
    const goOn = hung.hold('write');
    for (let n = 0; n < 9; n++) feed.push({ n });
    await clock.advance(10);
    pipeline.stop();
    await clock.advance(10);
    goOn();
    const { stages } = await run;
    const { statistics } = stages.find(({ stage }) => stage === 'sink.branches[0]')!;
    expect(statistics).toMatchObject({ rowsIn: 9, rowsDroppedOldest: 0 });
    expect(statistics.rowsOut! + statistics.rowsPending!).toBe(9);
  });
});

/** An operator that has a row to emit whenever the test says so. */
function wakeable() {
  let wake = () => {};
  const due: number[] = [];
  const make = (output: Schema, context: StageContext): Operator => {
    wake = context.wake;
    return {
      output,
      process: (batch, emit) => emit(batch),
      get hasMore() {
        return due.length > 0;
      },
      emitMore(emit) {
        const rows = due.splice(0).map((n) => ({ n }));
        emit(batchOf(output, context.dictionaries, rows));
      },
    };
  };
  const emit = (n: number) => {
    due.push(n);
    wake();
  };
  return { make, emit };
}

describe('the last cut of a branch', () => {
  it('is the end of its work in a run that is suspended, whatever its operators have', async () => {
    const kept = gatedSink();
    const woken = wakeable();
    /** As a file does on a full disk, until nobody waits for it any more. */
    const onFullDisk = (_: Schema, { clock, stopping }: StageContext) => ({
      ...kept.sink,
      async write(batch: Parameters<typeof kept.sink.write>[0]) {
        if (kept.rows.length > 0) {
          batch.release();
          await sleep(clock, millis(1_000_000), stopping);
          throw new PipelineError('OUTPUT_FAILED', 'no room', { cause: stopping?.reason });
        }
        await kept.sink.write(batch);
      },
    });
    let accept = () => {};
    const saver = {
      everyMs: 3_600_000,
      save: () =>
        new Promise<void>((resolve) => {
          accept = resolve;
        }),
    };
    const inside = { operators: [woken.make], batcher: one };
    const branch = { tee: [{ sink: onFullDisk, batcher: one, queue: { rows: 1 } }], ...inside };
    const { clock, feed, pipeline, run } = teeOf([branch], { saver });
    feed.push({ n: 1 });
    await clock.advance(10);
    pipeline.suspend();
    await clock.advance(10);
    for (const n of [2, 3, 4]) {
      woken.emit(n);
      await clock.advance(10);
    }
    accept();
    await clock.advance(10_000);
    const report = await run;
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    expect(numbersOf(kept)).toEqual([1]);
    const { statistics } = report.stages.find(({ stage }) => stage === 'sink.branches[0].branches[0]')!;
    expect(statistics).toMatchObject({ rowsIn: 1, rowsOut: 1, rowsPending: 0 });
  });

  it('lets its operators emit before it, and after one that was not the last', async () => {
    const kept = gatedSink();
    const woken = wakeable();
    const saver = { everyMs: 3_600_000, save: async () => {} };
    const { clock, feed, pipeline, run } = teeOf(
      [{ sink: kept.sink, operators: [woken.make], batcher: one }],
      {
        saver,
      },
    );
    feed.push({ n: 1 });
    await clock.advance(10);
    await pipeline.checkpoint();
    woken.emit(2);
    await clock.advance(10);
    expect(numbersOf(kept)).toEqual([1, 2]);
    pipeline.suspend();
    expect(await run).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    expect(kept.visible).toBe(2);
  });
});
