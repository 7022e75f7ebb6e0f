import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { OverflowPolicy } from '../../../src/settings/overflow-policy.js';
import { QueueOptions } from '../../../src/settings/queue-options.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import { heldSink } from '../../support/held-sink.js';
import { feedOf, pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const START = 1_700_000_000_000_000_000n;
const at = (n: number): bigint => START + BigInt(n) * 1_000_000n;
const trade = (n: number, symbol = 'A'): Row => ({ time: at(n), symbol, price: n });
/** Rows that leave no gap when they are dropped. */
const TIMELESS: Schema = { ...TRADES, columns: TRADES.columns.filter(({ name }) => name !== 'time') };

function start(
  overflow: OverflowPolicy,
  queue: { rows?: number; batches?: number } = { rows: 4 },
  schema = TRADES,
) {
  const clock = new SimulatedClock({ wall: START });
  const warnings: string[] = [];
  const feed = feedOf(schema);
  const held = heldSink();
  const pipeline = pipelineOf({
    source: feed.make,
    sink: held.sink,
    clock,
    batcher: { maxRows: 1 },
    queue: QueueOptions.parse({ ...queue, overflow }),
    warn: (message) => warnings.push(message),
  });
  return { clock, feed, held, pipeline, warnings, run: pipeline.run() };
}

const sourceOf = ({ pipeline }: ReturnType<typeof start>) => pipeline.describe()[0]!;

describe('a live source whose queue is full', () => {
  it('loses no row with block, whatever the size of the queue', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
        async (rows, batches, pushes) => {
          const begun = start('block', { rows, batches });
          const { clock, feed, held, run } = begun;
          let n = 0;
          for (const count of pushes) {
            feed.push(...Array.from({ length: count }, () => trade(++n)));
            await clock.advance(0);
            expect(Number(sourceOf(begun).statistics.rowsQueued)).toBeLessThan(rows + 7);
          }
          held.letGo();
          feed.end();
          expect(await run).toMatchObject({ outcome: 'completed', counters: { rowsOut: n, rowsDropped: 0 } });
          expect(held.prices()).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['drop-oldest', 'rowsDroppedOldest', 'the oldest rows are dropped'],
    ['drop-newest', 'rowsDroppedNewest', 'the newest rows are dropped'],
  ] as const)(
    'drops rows with %s: counted, told in the stream, in its health and once in the log',
    async (policy, name, does) => {
      const begun = start(policy);
      const { clock, feed, held, pipeline, run, warnings } = begun;
      for (let n = 1; n <= 20; n++) {
        feed.push(trade(n));
        await clock.advance(1);
      }
      const source = sourceOf(begun);
      expect(source.health).toEqual({ status: 'degraded', reason: `its queue is full: ${does}` });
      const dropped = source.statistics[name]!;
      expect(dropped).toBeGreaterThan(10);
      expect(warnings).toEqual([expect.stringContaining(`the queue of a source is full: ${does}`)]);
      held.letGo();
      await clock.advance(10);
      expect(sourceOf(begun).health).toEqual({ status: 'ok' });
      feed.end();
      expect(await run).toMatchObject({
        outcome: 'completed',
        rowsPending: 0,
        counters: { rowsIn: 20, rowsOut: 20 - dropped, rowsDropped: dropped, rowsOverflowed: dropped },
        dropped: { late: 0, overflow: dropped },
      });
      const prices = held.prices();
      const missing = Array.from({ length: 20 }, (_, i) => i + 1).filter((n) => !prices.includes(n));
      const gaps = held.records().filter((record) => record.type === 'gap');
      expect(gaps).toMatchObject([{ from: at(missing[0]!), to: at(missing.at(-1)!) + 1n, symbol: 'A' }]);
      expect(pipeline.counters.get('rowsIn')).toBe(20);
    },
  );

  it('keeps the latest row of each symbol with conflate', async () => {
    const begun = start('conflate');
    const { clock, feed, held, run } = begun;
    for (let n = 1; n <= 30; n++) {
      feed.push(trade(n, `S${n % 3}`));
      await clock.advance(1);
    }
    const { rowsConflated = 0 } = sourceOf(begun).statistics;
    expect(rowsConflated).toBeGreaterThan(10);
    held.letGo();
    feed.end();
    expect(await run).toMatchObject({
      rowsPending: 0,
      counters: { rowsOut: 30 - rowsConflated, rowsDropped: rowsConflated },
    });
    expect(held.prices().slice(-3).sort()).toEqual([28, 29, 30]);
    expect(held.records().filter((record) => record.type === 'gap')).toEqual([]);
  });

  it('fails the job with fail, after the delivery of what was in the queue', async () => {
    const { clock, feed, held, run } = start('fail');
    for (let n = 1; n <= 20; n++) {
      feed.push(trade(n));
      await clock.advance(1);
    }
    held.letGo();
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: { code: 'QUEUE_FULL', message: expect.stringContaining('"queue"') },
    });
    expect(held.prices().length).toBeGreaterThan(3);
  });

  it.each([
    ['live-only', 'saves what it has delivered'],
    ['resumable', 'leaves the rest to an earlier checkpoint, from which it is fetched again'],
  ] as const)(
    'with fail, and where the position of a read is not known before it, a %s source %s',
    async (delivery, _what) => {
      const clock = new SimulatedClock({ wall: START });
      const feed = feedOf(TRADES, { delivery });
      const held = heldSink();
      const saved: Checkpoint[] = [];
      let reads = 0;
      const run = pipelineOf({
        source: (context) => {
          const source = feed.make(context);
          const read = source.read.bind(source);
          return Object.assign(source, {
            read: async () => {
              const batch = await read();
              reads++;
              return batch;
            },
            position: () => reads,
            positionForRead: () => undefined,
          });
        },
        sink: held.sink,
        clock,
        batcher: { maxRows: 1 },
        queue: QueueOptions.parse({ rows: 4, overflow: 'fail' }),
        saver: { everyMs: 1_000_000, save: async (checkpoint) => void saved.push(checkpoint) },
      }).run();
      for (let n = 1; n <= 20; n++) {
        feed.push(trade(n));
        await clock.advance(1);
      }
      held.letGo();
      expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'QUEUE_FULL' } });
      const rows = held.prices().length;
      const counters = { rowsIn: rows, rowsOut: rows };
      expect(saved).toMatchObject(delivery === 'live-only' ? [{ counters, states: { source: reads } }] : []);
    },
  );

  it('adds up with drops at any instant, and in each checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('conflate' as const, 'drop-oldest' as const, 'drop-newest' as const),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 15 }),
        fc.boolean(),
        async (policy, pushes, hasTime) => {
          const { clock, feed, held, pipeline, run } = start(
            policy,
            { rows: 4 },
            hasTime ? TRADES : TIMELESS,
          );
          let n = 0;
          for (const count of pushes) {
            feed.push(
              ...Array.from({ length: count }, (): Row => {
                const { time, ...row } = trade(++n, `S${n % 4}`);
                return hasTime ? { time: time!, ...row } : row;
              }),
            );
            await clock.advance(1);
          }
          const taking = pipeline.checkpoint();
          held.letGo();
          const { counters } = await taking;
          expect(counters.rowsIn).toBe(counters.rowsOut + counters.rowsDropped);
          feed.end();
          expect(await run).toMatchObject({ rowsPending: 0, counters: { rowsIn: n } });
          expect(held.records().every((record) => record.type !== 'gap' || policy !== 'conflate')).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});
