import { describe, expect, it } from 'vitest';
import type { Schema } from '../../../src/columns/schema.js';
import { sleep } from '../../../src/core/clock.js';
import { PipelineError } from '../../../src/core/errors.js';
import { millis } from '../../../src/core/units.js';
import { SLOW_BRANCH_MS } from '../../../src/engine/branches/pipeline-branches.js';
import type { Operator } from '../../../src/engine/operator.js';
import type { KeptRejects } from '../../../src/engine/rejects.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import type { PipelineReport, StageReport } from '../../../src/wire/pipeline-report.js';
import { type BranchSpec, branchedPipeline } from '../../support/branched-pipeline.js';
import { hashOf } from '../../support/column-hash.js';
import { gatedSink } from '../../support/gated-sink.js';
import { NUMBERS } from '../../support/nested-stages.js';
import { feedOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { numbersOf, one, teeOf } from '../../support/tee-of.js';

const statisticsOf = (report: Pick<PipelineReport, 'stages'>, id: string) =>
  report.stages.find(({ stage }) => stage === id)?.statistics;

/** What is there of the rows of a branch is what came in. */
function expectBalance({ statistics }: StageReport): void {
  const { rowsIn, rowsDerived, rowsLate: _, rowsWaiting, eventTimeLagMs, ...others } = statistics;
  const { rowsConflated, rowsDroppedOldest, rowsDroppedNewest, rowsFiltered, rowsFolded } = others;
  const { rowsDropped, rowsRejected, rowsOut, rowsPending } = others;
  expect(rowsIn! + rowsDerived!).toBe(
    rowsConflated! +
      rowsDroppedOldest! +
      rowsDroppedNewest! +
      rowsFiltered! +
      rowsFolded! +
      rowsDropped! +
      rowsRejected! +
      rowsOut! +
      rowsPending!,
  );
}

describe('a branch of a sink', () => {
  it('gets all rows in order, up to the end', async () => {
    const [a, b] = [gatedSink(), gatedSink()];
    const { clock, feed, run } = teeOf([{ sink: a.sink }, { sink: b.sink, batcher: one }]);
    for (let n = 0; n < 5; n++) feed.push({ n });
    feed.end();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'completed', durable: { rows: 10 }, rowsPending: 0 });
    expect(report.counters).toMatchObject({ rowsIn: 5, rowsOut: 5, bytesOut: 100 });
    expect(report.outputs).toEqual(['somewhere', 'somewhere']);
    expect(numbersOf(a)).toEqual([0, 1, 2, 3, 4]);
    expect(numbersOf(b)).toEqual([0, 1, 2, 3, 4]);
    expect([a.visible, b.visible]).toEqual([5, 5]);
    expect(report.stages.map(({ stage }) => stage)).toEqual([
      'source',
      'batcher',
      'sink',
      'sink.branches[0].batcher',
      'sink.branches[0]',
      'sink.branches[1].batcher',
      'sink.branches[1]',
    ]);
    expect(statisticsOf(report, 'sink.branches[0]')).toMatchObject({ rowsIn: 5, rowsOut: 5, rowsPending: 0 });
    expect([a.told, b.told]).toEqual([
      ['open', 'close'],
      ['open', 'close'],
    ]);
    expect(clock.timersPending).toBe(0);
  });

  it('holds up the line before it only once its queue is full', async () => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    const { clock, feed, pipeline, run } = teeOf([
      { sink: slow.sink, batcher: one, queue: { rows: 2 } },
      { sink: fast.sink, batcher: one, queue: { rows: 2 } },
    ]);
    const goOn = slow.hold('write');
    for (let n = 0; n < 8; n++) feed.push({ n });
    await clock.advance(10);
    // One at its sink, one ready for it and two in its queue; the source is read on into that of the intake.
    expect(fast.rows).toHaveLength(4);
    expect(pipeline.counters.get('rowsIn')).toBe(8);
    goOn();
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(slow)).toEqual(numbersOf(fast));
    expect(slow.rows).toHaveLength(8);
  });

  it('holds up nobody if it may leave rows out, and counts them', async () => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    const queue = { rows: 2, overflow: 'drop-newest' } as const;
    const { clock, feed, run } = teeOf([
      { sink: slow.sink, batcher: one, queue },
      { sink: fast.sink, batcher: one },
    ]);
    const goOn = slow.hold('write');
    for (let n = 0; n < 8; n++) feed.push({ n });
    await clock.advance(10);
    expect(fast.rows).toHaveLength(8);
    goOn();
    feed.end();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'completed' });
    expect(numbersOf(slow)).toEqual([0, 1, 2]);
    expect(statisticsOf(report, 'sink.branches[0]')).toMatchObject({
      rowsIn: 8,
      rowsDroppedNewest: 5,
      rowsOut: 3,
      rowsPending: 0,
    });
    for (const stage of report.stages) if (/]$/.test(stage.stage)) expectBalance(stage);
  });

  it('delivers what is due while nothing comes', async () => {
    const kept = gatedSink();
    const { clock, feed, run } = teeOf([{ sink: kept.sink, batcher: { maxDelayMs: 50 } }]);
    feed.push({ n: 1 });
    await clock.advance(30);
    feed.push({ n: 2 });
    await clock.advance(19);
    expect(kept.rows).toHaveLength(0);
    await clock.advance(2);
    expect(numbersOf(kept)).toEqual([1, 2]);
    feed.end();
    await run;
    expect(clock.timersPending).toBe(0);
  });

  it('learns of the time while no rows come', async () => {
    const seen: string[] = [];
    const looking = (output: Schema): Operator => ({
      output,
      process(batch, emit) {
        for (const { record } of batch.controls) seen.push(record.type);
        emit(batch);
      },
    });
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const pipeline = branchedPipeline({
      source: feed.make,
      sink: { tee: [{ sink: gatedSink().sink, operators: [looking], batcher: one }] },
      clock,
    });
    const run = pipeline.run();
    feed.push({ time: 1n, symbol: 'A', price: 1 });
    for (let i = 0; i < 30; i++) await clock.advance(1_000);
    expect(seen.filter((type) => type === 'watermark').length).toBeGreaterThan(20);
    feed.end();
    await clock.advance(10);
    expect(await run).toMatchObject({ outcome: 'completed' });
  });

  it('ends the run with what fails in it, also while the source waits', async () => {
    const [bad, good] = [gatedSink(), gatedSink()];
    const { clock, feed, run } = teeOf([{ sink: bad.sink, batcher: one }, { sink: good.sink }]);
    const goOn = bad.hold('write');
    feed.push({ n: 1 });
    await clock.advance(10);
    bad.fail(new Error('the disk is gone'));
    goOn();
    const report = await run;
    expect(report).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'SINK_FAILED',
        message: 'Sink "kept" (sink.branches[0]) failed: the disk is gone',
      },
    });
    expect(statisticsOf(report, 'sink.branches[0]')).toMatchObject({ rowsIn: 1, rowsOut: 0, rowsPending: 1 });
    expect([bad.told.at(-1), good.told.at(-1)]).toEqual(['close', 'close']);
    expect(clock.timersPending).toBe(0);
  });

  it('ends a wait for another branch when it fails', async () => {
    const [bad, slow] = [gatedSink(), gatedSink()];
    const { clock, feed, run } = teeOf([
      { sink: bad.sink, batcher: one },
      { sink: slow.sink, batcher: one, queue: { rows: 1 } },
    ]);
    const failNow = bad.hold('write');
    const goOn = slow.hold('write');
    for (let n = 0; n < 5; n++) feed.push({ n });
    await clock.advance(10);
    bad.fail(new PipelineError('SINK_FAILED', 'it is gone'));
    failNow();
    await clock.advance(10);
    goOn();
    expect(await run).toMatchObject({ outcome: 'failed', error: { message: 'it is gone' } });
  });

  it('is left behind if it is at work long after the end, and closed once it is done', async () => {
    const [bad, slow] = [gatedSink(), gatedSink()];
    const { clock, feed, run } = teeOf([
      { sink: bad.sink, batcher: one },
      { sink: slow.sink, batcher: one },
    ]);
    const failNow = bad.hold('write');
    const goOn = slow.hold('write');
    feed.push({ n: 1 });
    await clock.advance(10);
    bad.fail(new Error('gone'));
    failNow();
    await clock.advance(6_000);
    expect(await run).toMatchObject({ outcome: 'failed' });
    expect(slow.told).toEqual(['open']);
    goOn();
    await clock.advance(0);
    expect(slow.told).toEqual(['open', 'close']);
    expect(clock.timersPending).toBe(0);
  });

  it.each([0, 1, 2])(
    'alone is named if it is at one piece of work for long, %i levels deep',
    async (depth) => {
      const warnings: object[] = [];
      const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
      const [slow, fast] = [gatedSink(), gatedSink()];
      const pace = { batcher: one, queue: { rows: 1 } };
      let inside: BranchSpec = { sink: slow.sink, ...pace };
      for (let level = 0; level < depth; level++) inside = { tee: [inside], ...pace };
      const id = `sink.branches[1]${'.branches[0]'.repeat(depth)}`;
      const { clock, feed, pipeline, run } = teeOf([{ sink: fast.sink }, inside], { log });
      const goOn = slow.hold('write');
      for (let n = 0; n < 20; n++) feed.push({ n });
      await clock.advance(SLOW_BRANCH_MS + 10_000);
      expect(warnings).toMatchObject([{ branch: id }]);
      const health = pipeline.describe().filter(({ health: { status } }) => status !== 'ok');
      expect(health).toMatchObject([
        {
          stage: id,
          health: { status: 'degraded', reason: expect.stringContaining('at one piece of work') },
        },
      ]);
      goOn();
      feed.end();
      expect(await run).toMatchObject({ outcome: 'completed' });
    },
  );

  it('delivers nothing more after a stop, and ends its waits', async () => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    const { clock, feed, pipeline, run } = teeOf([
      { sink: slow.sink, batcher: one, queue: { rows: 1 } },
      { sink: fast.sink, batcher: one },
    ]);
    const goOn = slow.hold('write');
    for (let n = 0; n < 9; n++) feed.push({ n });
    await clock.advance(10);
    pipeline.stop();
    await clock.advance(10);
    goOn();
    const report = await run;
    expect(report).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(slow.rows).toHaveLength(1);
    for (const stage of report.stages) if (/]$/.test(stage.stage)) expectBalance(stage);
  });

  it.each(['a stop', 'a failure', 'a lost run'])('counts nothing as delivered after %s', async (what) => {
    const [slow, fast] = [gatedSink(), gatedSink()];
    let lose = (_: Error) => {};
    const saver = {
      everyMs: 3_600_000,
      save: () =>
        new Promise<void>((resolve, reject) => {
          if (what === 'a lost run') lose = reject;
          else resolve();
        }),
    };
    const inner: BranchSpec = {
      tee: [
        { sink: slow.sink, batcher: one, queue: { rows: 1 } },
        { sink: fast.sink, batcher: one },
      ],
    };
    const { clock, feed, pipeline, run } = teeOf([{ ...inner, batcher: one, queue: { rows: 1 } }], { saver });
    feed.push({ n: 0 });
    await clock.advance(10);
    pipeline.checkpoint().catch(() => undefined);
    await clock.advance(10);
    const goOn = slow.hold('write');
    for (let n = 1; n < 9; n++) feed.push({ n }, { n: n + 100 });
    await clock.advance(10);
    if (what === 'a stop') pipeline.stop();
    else if (what === 'a lost run') lose(new PipelineError('FENCED', 'taken over'));
    else slow.fail(new PipelineError('SINK_FAILED', 'gone'));
    if (what === 'a failure') goOn();
    await clock.advance(10);
    goOn();
    const report = await run;
    const code = { 'a stop': undefined, 'a failure': 'SINK_FAILED', 'a lost run': 'FENCED' }[what];
    expect(report.error?.code).toBe(code);
    expect(report.outcome).toBe(code ? 'failed' : 'stopped');
    const [outer, inside] = ['sink.branches[0]', 'sink.branches[0].branches[1]'].map(
      (id) => statisticsOf(report, id)!,
    );
    expect(report.counters.rowsOut).toBe(outer!.rowsIn);
    expect(outer!.rowsOut).toBe(inside!.rowsIn);
    expect(report.rowsPending).toBe(report.counters.rowsIn - outer!.rowsIn!);
  });

  it('goes on with what it has while the source is paused', async () => {
    const slow = gatedSink();
    const { clock, feed, pipeline, run } = teeOf([{ sink: slow.sink, batcher: one }]);
    const goOn = slow.hold('write');
    for (let n = 0; n < 4; n++) feed.push({ n });
    await clock.advance(10);
    pipeline.pause();
    goOn();
    await clock.advance(10);
    expect(slow.rows).toHaveLength(4);
    pipeline.resume();
    pipeline.drain();
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'drained' });
  });

  it.each(['conflate', 'drop-oldest', 'drop-newest'] as const)(
    'holds up neither the source nor another branch while it hangs, with %s',
    async (overflow) => {
      const warnings: object[] = [];
      const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
      const clock = new SimulatedClock();
      const feed = feedOf(TRADES);
      const [hung, fine] = [gatedSink(), gatedSink()];
      const pipeline = branchedPipeline({
        source: feed.make,
        sink: {
          tee: [
            { sink: hung.sink, batcher: one, queue: { rows: 4, overflow } },
            { sink: fine.sink, batcher: one },
          ],
        },
        batcher: one,
        clock,
        log,
      });
      const run = pipeline.run();
      const goOn = hung.hold('write');
      const prices = Array.from({ length: 50 }, (_, i) => i);
      const trade = (price: number) => ({ time: BigInt(price), symbol: 'AB'[price % 2]!, price });
      for (const price of prices) feed.push(trade(price));
      await clock.advance(SLOW_BRANCH_MS + 10_000);
      expect(fine.rows.map(({ price }) => price)).toEqual(prices);
      const branch = 'sink.branches[0]';
      expect(warnings).toMatchObject([
        { branch, overflow },
        { branch, forMs: SLOW_BRANCH_MS },
      ]);
      const health = () => pipeline.describe().find(({ stage }) => stage === branch)?.health;
      expect(health()).toEqual({
        status: 'degraded',
        reason: expect.stringMatching(/^at one piece of work for \d+ s; its queue is full: /),
      });
      goOn();
      feed.end();
      const report = await run;
      expect(report.outcome).toBe('completed');
      expect(health()).toEqual({ status: 'ok' });
      const told = statisticsOf(report, 'sink.branches[0]')!;
      const left = 50 - told.rowsOut!;
      expect(report.leftOut).toMatchObject({ rowsDropped: left, dropped: { late: 0, overflow: left } });
      expect(told).toMatchObject({ rowsIn: 50, rowsPending: 0, rowsOut: hung.rows.length });
      expect(told.rowsOut).toBeLessThan(50);
      for (const stage of report.stages) if (/]$/.test(stage.stage)) expectBalance(stage);
    },
  );

  it('fails once its queue is full, if that is what it is told', async () => {
    const hung = gatedSink();
    const { clock, feed, run } = teeOf([
      { sink: hung.sink, batcher: one, queue: { rows: 2, overflow: 'fail' } },
    ]);
    const goOn = hung.hold('write');
    for (let n = 0; n < 9; n++) feed.push({ n });
    await clock.advance(10);
    goOn();
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'QUEUE_FULL',
        message: expect.stringContaining('Branch "sink.branches[0]": the queue is full'),
      },
    });
  });

  it.each(['tee', 'split'] as const)(
    'never sees what operators of others write into a batch of %s',
    async (use) => {
      const clock = new SimulatedClock();
      const feed = feedOf(NUMBERS);
      const [looked, changed] = [gatedSink(), gatedSink()];
      const looks: boolean[] = [];
      /** Holds each batch while the other branches work on theirs. */
      const looking = (output: Schema): Operator => ({
        output,
        readsOnly: true,
        takesSelections: true,
        async process(batch, emit) {
          const before = hashOf(batch.columns);
          await sleep(clock, millis(5));
          looks.push(batch.isShared, hashOf(batch.columns) === before);
          emit(batch);
        },
      });
      const writing = (output: Schema): Operator => ({
        output,
        process(batch, emit) {
          batch.float64('n').fill(-1);
          emit(batch);
        },
      });
      const branches: BranchSpec[] = [
        { sink: looked.sink, operators: [looking], batcher: one },
        { sink: changed.sink, operators: [writing], batcher: one },
        { sink: gatedSink().sink, operators: [looking, writing], batcher: one },
      ];
      const routes = Object.fromEntries(
        branches.map((branch, i) => [`r${i}`, { when: 'n >= 0', ...branch }]),
      );
      const pipeline = branchedPipeline({
        source: feed.make,
        sink: use === 'tee' ? { tee: branches } : { split: routes, match: 'all' },
        batcher: { maxDelayMs: 1 },
        clock,
      });
      const run = pipeline.run();
      for (let n = 0; n < 4; n++) {
        feed.push({ n }, { n: n + 10 });
        await clock.advance(20);
      }
      feed.end();
      let report: PipelineReport | undefined;
      run.then((of) => {
        report = of;
      });
      for (let turn = 0; turn < 100 && !report; turn++) await clock.advance(20);
      expect(report?.outcome).toBe('completed');
      expect(looks).toContain(true);
      expect(looks.filter((_, i) => i % 2 === 1)).not.toContain(false);
      expect(numbersOf(looked)).toEqual([0, 10, 1, 11, 2, 12, 3, 13]);
      expect(numbersOf(changed)).toEqual(new Array(8).fill(-1));
    },
  );

  it('has the rows that it rejected before a cut on the disk before the checkpoint is saved', async () => {
    const told: string[] = [];
    const rejects: KeptRejects = {
      keepsRows: true,
      count: 0,
      add: ({ found }) => void told.push(`add ${found}`),
      flush: async () => {},
      position: () => null,
      sync: async () => void told.push('sync'),
    };
    const saver = { everyMs: 3_600_000, save: async () => void told.push('save') };
    const rejecting = (output: Schema): Operator => ({
      output,
      process(batch, emit) {
        rejects.add({
          file: 'f',
          line: 1,
          expected: 'another',
          found: String(batch.float64('n')[0]),
          raw: '',
        });
        emit(batch);
      },
    });
    const slow = gatedSink();
    const { clock, feed, pipeline, run } = teeOf(
      [{ sink: slow.sink, batcher: one, operators: [rejecting] }],
      {
        rejects,
        saver,
      },
    );
    const goOn = slow.hold('write');
    for (let n = 1; n <= 3; n++) {
      feed.push({ n });
      await clock.advance(10); // or they are one batch
    }
    const taken = pipeline.checkpoint();
    await clock.advance(10);
    expect(told.filter((one) => one !== 'sync')).toEqual(['add 1', 'add 2']);
    goOn();
    await taken;
    expect(told.slice(-3)).toEqual(['add 3', 'sync', 'save']);
    feed.end();
    await run;
  });
});
