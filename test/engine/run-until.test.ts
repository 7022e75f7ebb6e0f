import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Nanos, nanos } from '../../src/core/units.js';
import type { CheckpointSaver } from '../../src/engine/cuts/checkpoint-keeper.js';
import type { Sink } from '../../src/engine/sink.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { branchedPipeline } from '../support/branched-pipeline.js';
import { gatedSink } from '../support/gated-sink.js';
import { feedOf, pipelineOf, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import '../support/property-seed.js';

const MS = 1_000_000n;
const trade = (time: number) => ({ time: BigInt(time) * MS, symbol: 'A', price: 1 });

/** A run of single rows on virtual time, which may run for `forMs`; 0: without an end. */
function startRun({ forMs = 0, everyMs = 100, startMs = 0 } = {}) {
  const clock = new SimulatedClock({ now: BigInt(startMs) * MS });
  const counters = new Counters();
  const begin = clock.now();
  const mayRunUntil = (ms: number) => {
    counters.mayRunUntilNs = ms === 0 ? nanos(0n) : ((begin + BigInt(ms) * MS) as Nanos);
  };
  mayRunUntil(forMs);
  const gated = gatedSink();
  const feed = feedOf(TRADES, { delivery: 'resumable' });
  const saves: number[] = [];
  let whileSaved: Promise<void> | undefined;
  const saver: CheckpointSaver = {
    everyMs,
    async save({ counters: { rowsOut } }) {
      saves.push(rowsOut);
      await whileSaved;
    },
  };
  const pipeline = pipelineOf({
    source: feed.make,
    sink: gated.sink,
    batcher: { maxRows: 1 },
    saver,
    clock,
    counters,
  });
  return {
    ...{ clock, counters, mayRunUntil, gated, feed, saves, pipeline },
    run: pipeline.run(),
    /** From now on, a save takes until the function that this returns is called. */
    holdSave() {
      let open = () => {};
      whileSaved = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
  };
}

const LOST = { outcome: 'failed', error: { code: 'LEASE_LOST', retryable: true } } as const;

describe('a run that may run until an instant', () => {
  it('delivers nothing after it, and ends with LEASE_LOST', async () => {
    const { clock, gated, feed, run } = startRun({ forMs: 50 });
    await clock.advance(49);
    feed.push(trade(1));
    await clock.advance(0);
    expect(gated.rows).toHaveLength(1);
    const open = gated.hold('write');
    feed.push(trade(2));
    feed.push(trade(3));
    await clock.advance(1);
    open();
    await clock.advance(0);
    expect(await run).toMatchObject(LOST);
    expect(gated.rows).toHaveLength(2); // the write that was in progress
    expect(gated.visible).toBe(0);
    expect(clock.timersPending).toBe(0);
  });

  it('delivers nothing at all if it has passed before the start', async () => {
    const { clock, gated, feed, run } = startRun({ startMs: 20, forMs: -1 });
    feed.push(trade(1));
    await clock.advance(10_000);
    expect(await run).toMatchObject(LOST);
    expect(gated.rows).toEqual([]);
  });

  it('ends while its source waits for rows', async () => {
    const { clock, gated, feed, run } = startRun({ forMs: 50, everyMs: 10_000 });
    feed.push(trade(1));
    await clock.advance(50);
    expect(await run).toMatchObject(LOST);
    expect(gated.visible).toBe(0);
    expect(clock.timersPending).toBe(0);
  });

  it.each([
    ['moved back into the past', 30_000, -1],
    ['moved back to a nearer one', 30_000, 10_500],
    ['set at all', 0, 10_500],
  ])(
    'ends within a second of its instant if that is %s while its source waits',
    async (_, forMs, movedTo) => {
      const { clock, gated, run, mayRunUntil } = startRun({ forMs, everyMs: 100_000, startMs: 20 });
      await clock.advance(10_000);
      mayRunUntil(movedTo);
      await clock.advance(1_000);
      expect(await run).toMatchObject(LOST);
      expect(gated.visible).toBe(0);
      expect(clock.timersPending).toBe(0);
    },
  );

  it('ends while a stage opens, and opens no further one', async () => {
    const clock = new SimulatedClock();
    const counters = new Counters();
    counters.mayRunUntilNs = (clock.now() + 50n * MS) as Nanos;
    const feed = feedOf(TRADES);
    const opened: string[] = [];
    const sink: Sink = {
      capabilities: { delivery: 'transactional' },
      open() {
        opened.push('sink');
        return new Promise(() => {});
      },
      write: (batch) => batch.release(),
      flush: () => ({ rows: 0, position: 0 }),
    };
    const run = pipelineOf({ source: feed.make, sink, clock, counters }).run(
      async () => void opened.push('run'),
    );
    await clock.advance(5_000);
    expect(await run).toMatchObject(LOST);
    expect(opened).toEqual(['sink']);
  });

  it('goes on for as long as the instant is moved on in time, also while its thread is held up', async () => {
    const { clock, gated, feed, run, mayRunUntil } = startRun({ forMs: 50 });
    const open = gated.hold('write');
    feed.push(trade(1));
    for (let ms = 0; ms < 500; ms += 25) {
      mayRunUntil(ms + 50);
      await clock.advance(25);
    }
    open();
    await clock.advance(0);
    mayRunUntil(0);
    feed.end();
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'completed', counters: { rowsOut: 1 } });
    expect(gated.visible).toBe(1);
  });

  it('runs on without an end where there is none', async () => {
    const { clock, gated, feed, run } = startRun();
    await clock.advance(1_000_000);
    feed.push(trade(1));
    feed.end();
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(gated.visible).toBe(1);
  });

  it('prepares no checkpoint after it', async () => {
    const { clock, gated, feed, run, saves, pipeline } = startRun({ forMs: 150 });
    const open = gated.hold('write');
    feed.push(trade(1));
    await clock.advance(149);
    const asked = pipeline.checkpoint();
    asked.catch(() => {});
    await clock.advance(1);
    open();
    await clock.advance(1_000);
    expect(await run).toMatchObject(LOST);
    await expect(asked).rejects.toThrow();
    expect(saves).toEqual([]);
    expect(gated.visible).toBe(0);
  });

  it('saves no checkpoint that it had prepared when the instant passed', async () => {
    const { clock, gated, feed, run, saves } = startRun({ forMs: 150 });
    const open = gated.hold('prepare');
    feed.push(trade(1));
    await clock.advance(160);
    open();
    await clock.advance(1_000);
    expect(await run).toMatchObject(LOST);
    expect(saves).toEqual([]);
    expect(gated.visible).toBe(0);
  });

  it('commits no checkpoint that was accepted after the instant: the next start does', async () => {
    const { clock, gated, feed, run, saves, holdSave } = startRun({ forMs: 150 });
    const open = holdSave();
    feed.push(trade(1));
    await clock.advance(149);
    expect(saves).toEqual([1]);
    await clock.advance(1);
    open();
    await clock.advance(1_000);
    expect(await run).toMatchObject(LOST);
    expect(gated.visible).toBe(0);
  });

  it('commits nothing at its end either', async () => {
    const { clock, gated, feed, run, saves } = startRun({ forMs: 150, everyMs: 10_000 });
    const open = gated.hold('prepare');
    feed.push(trade(1));
    feed.end();
    await clock.advance(150);
    open();
    await clock.advance(20_000);
    expect(await run).toMatchObject(LOST);
    expect(saves).toEqual([]);
    expect(gated.visible).toBe(0);
  });

  it.each(['trunk', 'branches'] as const)(
    'begins no commit after it that had to wait for its turn in the sink (%s)',
    async (where) => {
      const clock = new SimulatedClock();
      const counters = new Counters();
      counters.mayRunUntilNs = (clock.now() + 150n * MS) as Nanos;
      const shown: number[] = [];
      let turn: Promise<void> = Promise.resolve();
      const sink: Sink = {
        capabilities: { delivery: 'transactional' },
        write: (batch) => batch.release(),
        prepare: () => ({ rows: 1, position: 1 }),
        async commit(position, expectTime) {
          await turn;
          expectTime?.();
          shown.push(position as number);
        },
        flush: () => ({ rows: 1, position: 1 }),
      };
      let free = () => {};
      turn = new Promise((resolve) => {
        free = resolve;
      });
      const feed = feedOf(TRADES, { delivery: 'resumable' });
      const saver: CheckpointSaver = { everyMs: 100, save: async () => {} };
      const common = { source: feed.make, batcher: { maxRows: 1 }, saver, clock, counters };
      const run = (
        where === 'trunk'
          ? pipelineOf({ ...common, sink })
          : branchedPipeline({ ...common, sink: { tee: [{ sink, batcher: { maxRows: 1 } }] } })
      ).run();
      feed.push(trade(1));
      await clock.advance(149);
      await clock.advance(1);
      free();
      await clock.advance(5_000);
      expect(await run).toMatchObject(LOST);
      expect(shown).toEqual([]);
    },
  );

  it('holds in every branch', async () => {
    const clock = new SimulatedClock();
    const counters = new Counters();
    counters.mayRunUntilNs = (clock.now() + 50n * MS) as Nanos;
    const sinks = [gatedSink(), gatedSink()];
    const feed = feedOf(TRADES);
    const run = branchedPipeline({
      source: feed.make,
      sink: { tee: sinks.map(({ sink }) => ({ sink, batcher: { maxRows: 1 } })) },
      batcher: { maxRows: 1 },
      clock,
      counters,
    }).run();
    const open = sinks[0]!.hold('write');
    feed.push(trade(1));
    await clock.advance(1);
    feed.push(trade(2));
    await clock.advance(49);
    open();
    feed.push(trade(3));
    await clock.advance(5_000);
    expect(await run).toMatchObject(LOST);
    expect(sinks[0]!.rows).toHaveLength(1);
    expect(sinks[1]!.rows).toHaveLength(2);
    for (const { visible } of sinks) expect(visible).toBe(0);
  });
});

describe('whatever a sink and the supervisor do', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('row' as const) }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('renew' as const), ms: fc.integer({ min: 1, max: 80 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  );

  it('a run begins no write, prepare, save or commit after the instant, and ends with LEASE_LOST or before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 0, max: 30 }),
        async (steps, forMs, slowMs) => {
          const clock = new SimulatedClock();
          const counters = new Counters();
          let until = (clock.now() + BigInt(forMs) * MS) as Nanos;
          counters.mayRunUntilNs = until;
          const late: string[] = [];
          const take = async (what: string) => {
            if (clock.now() >= until) late.push(what);
            if (slowMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, slowMs));
          };
          let rows = 0;
          const sink: Sink = {
            capabilities: { delivery: 'transactional' },
            async write(batch) {
              const { length } = batch;
              batch.release();
              await take('write');
              rows += length;
            },
            async prepare() {
              await take('prepare');
              return { rows, position: rows };
            },
            commit: () => take('commit'),
            async flush() {
              await take('flush');
              return { rows, position: rows };
            },
          };
          const feed = feedOf(TRADES, { delivery: 'resumable' });
          const saver: CheckpointSaver = { everyMs: 35, save: () => take('save') };
          const pipeline = pipelineOf({
            source: feed.make,
            sink,
            batcher: { maxRows: 2, maxDelayMs: 20 },
            saver,
            clock,
            counters,
          });
          const run = pipeline.run();
          let time = 0;
          for (const action of steps) {
            if (action.kind === 'wait') await clock.advance(action.ms);
            else if (action.kind === 'row') feed.push(trade(++time));
            else if (action.kind === 'checkpoint') pipeline.checkpoint().catch(() => {});
            else if (action.kind === 'end') pipeline.drain();
            else if (clock.now() < until) {
              // One that is in time: a lease that was lost is not had again.
              until = (clock.now() + BigInt(action.ms) * MS) as Nanos;
              counters.mayRunUntilNs = until;
            }
          }
          await clock.advance(20_000);
          const { outcome, error } = await run;
          expect(late).toEqual([]);
          if (outcome === 'failed') expect(error?.code).toBe('LEASE_LOST');
          expect(clock.timersPending).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
