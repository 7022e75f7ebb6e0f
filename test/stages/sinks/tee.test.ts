import { describe, expect, it } from 'vitest';
import type { Operator } from '../../../src/engine/operator.js';
import type { Sink } from '../../../src/engine/sink.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import type { BranchSpec } from '../../support/branched-pipeline.js';
import { gatedSink } from '../../support/gated-sink.js';
import { NUMBERS } from '../../support/nested-stages.js';
import { numbersOf, one, teeOf } from '../../support/tee-of.js';

/** Each row plus all rows before it. */
const running = (): Operator => {
  let sum = 0;
  return {
    output: NUMBERS,
    process(batch, emit) {
      const column = batch.float64('n');
      for (let row = 0; row < batch.length; row++) {
        sum += column[row]!;
        column[row] = sum;
      }
      emit(batch);
    },
    snapshot: () => sum,
    restore(state) {
      sum = state as number;
    },
  };
};

/** A store for one run. */
function memorySaver() {
  const saved: Checkpoint[] = [];
  const saver = {
    everyMs: 3_600_000,
    async save(checkpoint: Checkpoint) {
      saved.push(JSON.parse(JSON.stringify(checkpoint)) as Checkpoint);
    },
  };
  return { saver, saved };
}

/** The states of branches in a checkpoint. */
const branchesIn = ({ states }: Checkpoint) =>
  (states.sink as { readonly branches: Readonly<Record<string, unknown>> }).branches;

describe('a cut through the branches of a tee', () => {
  it('is at the same row in all of them, however much they have waiting', async () => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    const { saver, saved } = memorySaver();
    const { clock, feed, pipeline, run } = teeOf(
      [
        { sink: slow.sink, batcher: one, operators: [running] },
        { sink: fast.sink, batcher: one },
      ],
      { saver },
    );
    const goOn = slow.hold('write');
    for (const n of [1, 2, 3]) feed.push({ n });
    await clock.advance(10);
    const taken = pipeline.checkpoint();
    for (const n of [4, 5]) feed.push({ n });
    await clock.advance(10);
    expect([saved.length, fast.rows.length, slow.rows.length]).toEqual([0, 5, 0]);
    goOn();
    const checkpoint = await taken;
    expect(checkpoint.counters).toMatchObject({ rowsIn: 3, rowsOut: 3 });
    expect(branchesIn(checkpoint)).toMatchObject({
      'sink.branches[0]': {
        operators: { 'sink.branches[0].operators[0]': 6 },
        rows: { rowsIn: 3, rowsOut: 3 },
        sink: 3,
      },
      'sink.branches[1]': { operators: {}, rows: { rowsIn: 3, rowsOut: 3 }, sink: 3 },
    });
    await clock.advance(0);
    expect([slow.visible, fast.visible]).toEqual([3, 3]);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(slow)).toEqual([1, 3, 6, 10, 15]);
    expect([slow.visible, fast.visible]).toEqual([5, 5]);
    expect(clock.timersPending).toBe(0);
  });

  it('goes on from its states', async () => {
    const [first, second] = [gatedSink(), gatedSink()];
    const { saver, saved } = memorySaver();
    const before = teeOf([{ sink: first.sink, operators: [running] }], { saver });
    for (const n of [1, 2, 3]) before.feed.push({ n });
    await before.clock.advance(10);
    before.pipeline.suspend();
    expect(await before.run).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    const checkpoint = saved.at(-1)!;

    const after = teeOf([{ sink: second.sink, operators: [running] }], { saver, checkpoint });
    after.feed.push({ n: 4 });
    after.feed.end();
    const report = await after.run;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 4, rowsOut: 4 } });
    expect(numbersOf(second)).toEqual([undefined, undefined, undefined, 10]);
    expect(report.stages.find(({ stage }) => stage === 'sink.branches[0]')?.statistics).toMatchObject({
      rowsIn: 4,
      rowsOut: 4,
      rowsPending: 0,
    });
  });

  it('is gone on from by the same branches alone, wherever those with names stand', async () => {
    const { saver, saved } = memorySaver();
    const inner = (sink: Sink): BranchSpec => ({ tee: [{ sink, operators: [running] }] });
    const before = teeOf(
      [
        { sink: gatedSink().sink, name: 'a', operators: [running] },
        { ...inner(gatedSink().sink), name: 'b', operators: [running] },
      ],
      { saver },
    );
    for (const n of [1, 2]) before.feed.push({ n });
    await before.clock.advance(10);
    before.pipeline.suspend();
    await before.run;
    const checkpoint = saved.at(-1)!;

    const [b, a] = [gatedSink(), gatedSink()];
    const branches: BranchSpec[] = [
      { ...inner(b.sink), name: 'b', operators: [running] },
      { sink: a.sink, name: 'a', operators: [running] },
    ];
    const after = teeOf(branches, { saver, checkpoint });
    after.feed.push({ n: 3 });
    after.feed.end();
    expect(await after.run).toMatchObject({ outcome: 'completed' });
    expect([numbersOf(a), numbersOf(b)]).toEqual([
      [undefined, undefined, 6],
      [undefined, undefined, 10], // 1 + 3 + 6
    ]);

    const refused = teeOf([{ sink: gatedSink().sink }, { sink: gatedSink().sink, name: 'a' }], {
      saver,
      checkpoint,
    });
    expect(await refused.run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining('lacks a state of sink.branches[0], and has one too many of "b"'),
      },
    });
  });

  it('is gone on from with another operator behind those of a branch, which begins with no state', async () => {
    const { saver, saved } = memorySaver();
    const before = teeOf([{ sink: gatedSink().sink, operators: [running] }], { saver });
    for (const n of [1, 2]) before.feed.push({ n });
    await before.clock.advance(10);
    before.pipeline.suspend();
    await before.run;
    const checkpoint = saved.at(-1)!;

    const kept = gatedSink();
    const after = teeOf([{ sink: kept.sink, operators: [running, running] }], { saver, checkpoint });
    for (const n of [3, 4]) after.feed.push({ n });
    after.feed.end();
    expect(await after.run).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(kept)).toEqual([undefined, undefined, 6, 16]);

    const refused = teeOf([{ sink: gatedSink().sink }], { saver, checkpoint });
    expect(await refused.run).toMatchObject({
      error: { message: expect.stringContaining('has one too many of sink.branches[0].operators[0]') },
    });
  });

  it.each(['block', 'drop-newest'] as const)(
    'is not accepted while a branch is late (%s), which is named, and drops nothing',
    async (overflow) => {
      const [slow, fast] = [gatedSink(), gatedSink()];
      const { saver, saved } = memorySaver();
      const { clock, feed, pipeline, run } = teeOf(
        [
          { sink: slow.sink, batcher: one, queue: { overflow } },
          { sink: fast.sink, batcher: one },
        ],
        { saver },
      );
      const goOn = slow.hold('write');
      for (const n of [1, 2]) feed.push({ n });
      await clock.advance(10);
      const late = pipeline.checkpoint();
      const outcome = expect(late).rejects.toMatchObject({
        code: 'CHECKPOINT_FAILED',
        retryable: true,
        message: expect.stringContaining(
          'found "sink.branches[0]" still at work, and standing still for 30000 ms',
        ),
      });
      await clock.advance(29_999);
      feed.push({ n: 3 });
      await clock.advance(1);
      await outcome;
      expect([saved.length, fast.visible]).toEqual([0, 0]);
      const next = pipeline.checkpoint();
      await clock.advance(1);
      goOn();
      expect((await next).counters).toMatchObject({ rowsIn: 3, rowsOut: 3 });
      await clock.advance(1);
      expect([slow.visible, fast.visible]).toEqual([3, 3]);
      feed.push({ n: 4 });
      feed.end();
      expect(await run).toMatchObject({ outcome: 'completed' });
      expect([numbersOf(slow), numbersOf(fast)]).toEqual([
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ]);
      expect(clock.timersPending).toBe(0);
    },
  );

  it('leaves the queue of a branch as it was when it is taken back', async () => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    const { saver } = memorySaver();
    const queue = { batches: 4, rows: 1_000, overflow: 'drop-oldest' } as const;
    const { clock, feed, pipeline, run } = teeOf(
      [
        { sink: slow.sink, batcher: one, queue },
        { sink: fast.sink, batcher: one },
      ],
      { saver },
    );
    const goOn = slow.hold('write');
    const given = Array.from({ length: 12 }, (_, n) => n);
    for (const n of given) {
      feed.push({ n });
      await clock.advance(10);
      pipeline.checkpoint().catch(() => undefined);
      await clock.advance(31_000);
    }
    goOn();
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(fast)).toEqual(given);
    expect(numbersOf(slow)).toEqual(given);
  });

  it('names the branch inside a branch that is late, and waits for its sink before the next cut', async () => {
    const slow = gatedSink();
    const { saver } = memorySaver();
    const inner: BranchSpec = { tee: [{ sink: gatedSink().sink }, { sink: slow.sink, batcher: one }] };
    const { clock, feed, pipeline, run } = teeOf([{ sink: gatedSink().sink }, { ...inner, batcher: one }], {
      saver,
    });
    const goOn = slow.hold('prepare');
    feed.push({ n: 1 });
    await clock.advance(10);
    const outcome = expect(pipeline.checkpoint()).rejects.toThrow(
      'found "sink.branches[1].branches[1]" still',
    );
    await clock.advance(31_000);
    await outcome;
    feed.push({ n: 2 });
    await clock.advance(10);
    const next = pipeline.checkpoint();
    await clock.advance(1_000);
    goOn(); // the first `prepare` ends unseen; only then the second one begins
    expect(branchesIn(await next)['sink.branches[1]']).toMatchObject({
      sink: { branches: { 'sink.branches[1].branches[1]': { sink: 2 } } },
    });
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
  });

  it('has no deadline after the end of the stream', async () => {
    const slow = gatedSink();
    const { saver, saved } = memorySaver();
    const { clock, feed, run } = teeOf([{ sink: slow.sink, batcher: one }], { saver });
    const goOn = slow.hold('write');
    feed.push({ n: 1 });
    feed.end();
    await clock.advance(100_000);
    expect(saved).toHaveLength(0);
    goOn();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect([slow.visible, saved.length]).toEqual([1, 2]);
  });

  it('is broken off by a stop', async () => {
    const slow = gatedSink();
    const { saver, saved } = memorySaver();
    const { clock, feed, pipeline, run } = teeOf([{ sink: slow.sink, batcher: one }], { saver });
    const goOn = slow.hold('write');
    feed.push({ n: 1 });
    await clock.advance(10);
    pipeline.suspend();
    await clock.advance(10);
    pipeline.stop();
    await clock.advance(10);
    goOn();
    expect(await run).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(saved).toHaveLength(0);
    expect(clock.timersPending).toBe(0);
  });

  it('is taken without a store, too, when somebody asks', async () => {
    const kept = gatedSink();
    const { clock, feed, pipeline, run } = teeOf([{ sink: kept.sink }]);
    feed.push({ n: 1 });
    await clock.advance(10);
    expect(kept.visible).toBe(0);
    expect(branchesIn(await pipeline.checkpoint())).toMatchObject({ 'sink.branches[0]': { sink: 1 } });
    expect(kept.visible).toBe(1);
    feed.end();
    await run;
  });
});
