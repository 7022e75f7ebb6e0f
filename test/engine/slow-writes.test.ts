import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { SLOW_BRANCH_MS } from '../../src/engine/branches/pipeline-branches.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { type BranchedSettings, branchedPipeline } from '../support/branched-pipeline.js';
import { gatedSink } from '../support/gated-sink.js';
import { NUMBERS } from '../support/nested-stages.js';
import { feedOf, pipelineOf, watching } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const one = { maxRows: 1, maxDelayMs: 10 };

describe('a pipeline whose sink is at a write', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await turnOfTheLoop();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  type Settings = Partial<Parameters<typeof pipelineOf>[0]> & {
    delivery?: 'live-only' | 'replayable';
    onStop?: () => void;
  };

  /** A pipeline of numbers whose sink is held from its first write on. */
  function heldPipeline({ delivery = 'live-only', onStop, ...settings }: Settings = {}) {
    const clock = new SimulatedClock();
    const feed = feedOf(NUMBERS, { delivery });
    const kept = gatedSink();
    const passed: unknown[] = [];
    let writes = 0;
    const write = kept.sink.write.bind(kept.sink);
    kept.sink.write = (batch) => {
      writes++;
      return write(batch);
    };
    const goOn = kept.hold('write');
    const pipeline = pipelineOf({
      source: (context) => {
        const source = feed.make(context);
        const stop = source.stop.bind(source);
        source.stop = () => {
          stop();
          onStop?.();
        };
        return source;
      },
      operators: () => [
        watching(NUMBERS, (stream) => passed.push(...stream.map((row) => (row as { n: unknown }).n))),
      ],
      sink: kept.sink,
      batcher: one,
      clock,
      ...settings,
    });
    let report: PipelineReport | undefined;
    const run = pipeline.run().then((of) => {
      report = of;
      return of;
    });
    return {
      clock,
      feed,
      kept,
      passed,
      pipeline,
      run,
      goOn,
      get writes() {
        return writes;
      },
      get report() {
        return report;
      },
    };
  }

  const numbersOf = ({ rows }: ReturnType<typeof gatedSink>) => rows.map(({ n }) => n);

  it('works on the next batch, and no further than to a second write', async () => {
    const held = heldPipeline();
    for (let n = 1; n <= 5; n++) held.feed.push({ n });
    await held.clock.advance(100);
    expect(held.passed).toEqual([1, 2]);
    expect(held.writes).toBe(1);
    expect(held.pipeline.counters.get('rowsOut')).toBe(0);
    held.goOn();
    held.feed.end();
    expect(await held.run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(numbersOf(held.kept)).toEqual([1, 2, 3, 4, 5]);
  });

  it('fills its batcher meanwhile', async () => {
    const held = heldPipeline({ delivery: 'replayable', batcher: { maxRows: 4, maxDelayMs: 1_000 } });
    held.feed.push(...[1, 2, 3, 4].map((n) => ({ n })));
    for (let n = 5; n <= 12; n++) held.feed.push({ n });
    await held.clock.advance(100);
    expect(held.passed).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    held.goOn();
    held.feed.end();
    expect(await held.run).toMatchObject({ outcome: 'completed', flushes: { rows: 3 } });
  });

  it('delivers no batch that has come of age before the write has ended', async () => {
    const held = heldPipeline({ batcher: { maxRows: 2, maxDelayMs: 50 } });
    held.feed.push({ n: 1 }, { n: 2 });
    held.feed.push({ n: 3 });
    await held.clock.advance(200);
    expect(held.writes).toBe(1);
    held.goOn();
    await held.clock.advance(1);
    expect(numbersOf(held.kept)).toEqual([1, 2, 3]);
    held.feed.end();
    expect(await held.run).toMatchObject({ outcome: 'completed', flushes: { age: 1 } });
  });

  it('tells delivered rows and the lag of the sink once the write has ended', async () => {
    const held = heldPipeline();
    held.feed.push({ n: 1 });
    await held.clock.advance(10);
    expect(held.pipeline.counters.get('rowsOut')).toBe(0);
    held.goOn();
    await held.clock.advance(0);
    expect(held.pipeline.counters.get('rowsOut')).toBe(1);
    held.pipeline.stop();
    expect(await held.run).toMatchObject({ reason: 'stopped', rowsPending: 0 });
  });

  describe('fails at once if that fails', () => {
    const failed = {
      outcome: 'failed',
      error: { code: 'SINK_FAILED', message: 'Sink "kept" failed: no room' },
    };

    it('though its source is silent', async () => {
      const held = heldPipeline();
      held.feed.push({ n: 1 });
      await held.clock.advance(10);
      held.kept.fail(new Error('no room'));
      held.goOn();
      await held.clock.advance(0);
      expect(held.report).toMatchObject({ ...failed, rowsPending: 1 });
      expect(held.kept.told).toEqual(['open', 'close']);
    });

    it('though it is paused', async () => {
      const held = heldPipeline();
      held.feed.push({ n: 1 });
      await held.clock.advance(10);
      held.pipeline.pause();
      held.feed.push({ n: 2 });
      await held.clock.advance(10);
      held.kept.fail(new Error('no room'));
      held.goOn();
      await held.clock.advance(0);
      expect(held.report).toMatchObject(failed);
    });

    it('while the next batch waits for it, and writes no other one', async () => {
      const held = heldPipeline();
      for (let n = 1; n <= 5; n++) held.feed.push({ n });
      await held.clock.advance(10);
      held.kept.fail(new Error('no room'));
      held.goOn();
      await held.clock.advance(0);
      expect(held.report).toMatchObject(failed);
      expect(held.writes).toBe(1);
    });

    it('while a cut waits for it, and refuses the checkpoint', async () => {
      const held = heldPipeline();
      held.feed.push({ n: 1 });
      await held.clock.advance(10);
      const taken = held.pipeline.checkpoint().catch((error: unknown) => error);
      await held.clock.advance(10);
      held.kept.fail(new Error('no room'));
      held.goOn();
      await held.clock.advance(0);
      expect(held.report).toMatchObject(failed);
      expect(await taken).toMatchObject({ code: 'SINK_FAILED' });
    });

    it('though what told it throws, and with the first error', async () => {
      const held = heldPipeline({
        onStop: () => {
          throw new Error('not now');
        },
      });
      held.feed.push({ n: 1 });
      await held.clock.advance(10);
      held.kept.fail(new Error('no room'));
      held.goOn();
      await held.clock.advance(0);
      expect(held.report).toMatchObject(failed);
    });
  });

  it.each([
    ['drain', 'drained'],
    ['suspend', 'suspended'],
  ] as const)('waits for it before a %s', async (end, reason) => {
    const saved: Checkpoint[] = [];
    const held = heldPipeline({
      saver: { everyMs: 1_000_000, save: async (checkpoint) => void saved.push(checkpoint) },
    });
    held.feed.push({ n: 1 });
    await held.clock.advance(10);
    held.pipeline[end]();
    await held.clock.advance(100);
    expect(held.report).toBeUndefined();
    expect(saved).toEqual([]);
    held.goOn();
    expect(await held.run).toMatchObject({ reason, durable: { rows: 1 }, rowsPending: 0 });
    expect(saved.at(-1)).toMatchObject({ states: { sink: 1 }, counters: { rowsIn: 1, rowsOut: 1 } });
  });

  it('waits for it at the end of the stream', async () => {
    const held = heldPipeline();
    held.feed.push({ n: 1 });
    held.feed.end();
    await held.clock.advance(100);
    expect(held.report).toBeUndefined();
    held.goOn();
    expect(await held.run).toMatchObject({ reason: 'end of input', rowsPending: 0, durable: { rows: 1 } });
  });

  it('has its rows in a checkpoint that is asked for meanwhile', async () => {
    const held = heldPipeline();
    held.feed.push({ n: 1 });
    held.feed.push({ n: 2 });
    await held.clock.advance(10);
    let checkpoint: Checkpoint | undefined;
    void held.pipeline.checkpoint().then((of) => {
      checkpoint = of;
    });
    await held.clock.advance(100);
    expect(checkpoint).toBeUndefined();
    held.goOn();
    await held.clock.advance(0);
    expect(checkpoint).toMatchObject({ states: { sink: 2 }, counters: { rowsIn: 2, rowsOut: 2 } });
    held.pipeline.stop();
    await held.run;
  });

  it('begins no other one once it is stopped, and closes its sink when the write has ended', async () => {
    const held = heldPipeline();
    for (let n = 1; n <= 3; n++) held.feed.push({ n });
    await held.clock.advance(10);
    held.pipeline.stop();
    await held.clock.advance(100);
    expect(held.report).toBeUndefined();
    expect(held.kept.told).toEqual(['open']);
    held.goOn();
    const report = await held.run;
    expect(report).toMatchObject({ reason: 'stopped', rowsPending: report.counters.rowsIn - 1 });
    expect(numbersOf(held.kept)).toEqual([1]);
    expect(held.kept.told).toEqual(['open', 'close']);
  });

  it('tells what an operator failed with meanwhile, and closes its sink when the write has ended', async () => {
    const held = heldPipeline({
      operators: () => [
        watching(NUMBERS, ([row]) => {
          if ((row as { n: number }).n === 2) throw new Error('not that one');
        }),
      ],
    });
    held.feed.push({ n: 1 });
    await held.clock.advance(10);
    held.feed.push({ n: 2 });
    await held.clock.advance(10);
    expect(held.kept.told).toEqual(['open']);
    held.kept.fail(new Error('no room'));
    held.goOn();
    expect(await held.run).toMatchObject({ outcome: 'failed', error: { code: 'OPERATOR_FAILED' } });
    expect(held.kept.told).toEqual(['open', 'close']);
  });
});

describe('a branch whose sink is at a write', () => {
  /** A branch whose sink is held at the first row, and waits for more. */
  async function heldBranch(settings: Partial<BranchedSettings> = {}) {
    const clock = new SimulatedClock();
    const feed = feedOf(NUMBERS);
    const slow = gatedSink();
    const goOn = slow.hold('write');
    const sink = { tee: [{ sink: slow.sink, batcher: one }], cutDeadlineMs: 1_000 };
    const pipeline = branchedPipeline({ source: feed.make, sink, batcher: one, clock, ...settings });
    const run = pipeline.run();
    feed.push({ n: 1 });
    await clock.advance(10);
    return { clock, feed, slow, goOn, pipeline, run };
  }

  it('is named if that takes long, though it waits for rows itself', async () => {
    const warnings: object[] = [];
    const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const { clock, feed, goOn, run } = await heldBranch({ log });
    await clock.advance(SLOW_BRANCH_MS + 10_000);
    expect(warnings).toMatchObject([{ branch: 'sink.branches[0]' }]);
    goOn();
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  });

  it('makes a cut late, and has its rows in the next one', async () => {
    const saved: Checkpoint[] = [];
    const saver = { everyMs: 1_000_000, save: async (taken: Checkpoint) => void saved.push(taken) };
    const { clock, feed, slow, goOn, pipeline, run } = await heldBranch({ saver });
    const late = pipeline.checkpoint().catch((error: unknown) => error);
    await clock.advance(2_000);
    expect(await late).toMatchObject({
      code: 'CHECKPOINT_FAILED',
      message: expect.stringContaining('"sink.branches[0]"'),
    });
    goOn();
    await clock.advance(10);
    await pipeline.checkpoint();
    expect(saved).toHaveLength(1);
    expect(slow.visible).toBe(1);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
  });

  it('gives back what waits for that when the run is stopped', async () => {
    const dictionaries = new DictionarySet();
    const { clock, feed, slow, goOn, pipeline, run } = await heldBranch({ dictionaries });
    feed.push({ n: 2 });
    await clock.advance(10);
    pipeline.stop();
    goOn();
    expect(await run).toMatchObject({ outcome: 'stopped' });
    expect(slow.rows).toHaveLength(1);
    expect(dictionaries.memory.current).toBe(0);
  });

  it('passes the next rows to its batcher, and no further than to a second write', async () => {
    const { clock, feed, slow, goOn, pipeline, run } = await heldBranch();
    for (let n = 2; n <= 5; n++) {
      feed.push({ n });
      await clock.advance(10);
    }
    const { statistics } = pipeline.describe().find(({ stage }) => stage === 'sink.branches[0]')!;
    expect(statistics).toMatchObject({ rowsIn: 5, rowsOut: 0, rowsWaiting: 3 });
    goOn();
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(slow.rows.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });
});
