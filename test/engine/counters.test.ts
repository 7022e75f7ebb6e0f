import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/columns/row-view.js';
import type { Emit, Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { type CounterName, Counters, droppedRows, rowsPending } from '../../src/shared-memory/counters.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { batchOf, rowsIn } from '../support/batch-rows.js';
import { feedOf, keepingSink, pipelineOf, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

/** Looks at all counters at every single write, as a kill or another thread would find them. */
class WatchedCounters extends Counters {
  looks = 0;
  least = 0;

  override set(name: CounterName, value: number | bigint): void {
    super.set(name, value);
    this.look();
  }

  override add(name: CounterName, amount: number): void {
    super.add(name, amount);
    this.look();
  }

  look(): void {
    this.looks++;
    this.least = Math.min(this.least, rowsPending(this.read()));
  }
}

describe('the counts of a pipeline', () => {
  it('add up at every write, with operators that fold, filter and hold back until the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom('symbol', undefined),
        async (batchRows, maxRows, key) => {
          const counters = new WatchedCounters();
          const sink = callbackSink(() => counters.look());
          const spec = {
            name: 'watched',
            source: { use: 'synthetic', rows: 3_000, symbols: 3 },
            operators: [
              { use: 'filter', where: 'bidSize > 20' },
              { use: 'bars', every: '20ms', price: 'bid' },
              { use: 'filter', where: 'count > 2' },
            ],
            batcher: key === undefined ? { maxRows } : { maxRows, key },
            batchRows,
          };
          const overrides = { sink };
          const clock = new SimulatedClock();
          const pipeline = await instantiate(await resolveSpec(spec, overrides), {
            ...{ clock, log: silentLogger, counters, overrides },
          });
          const report = await pipeline.run();
          expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
          expect(report.counters.rowsOut).toBeGreaterThan(0);
          expect(counters.looks).toBeGreaterThan(20);
          expect(counters.least).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('add up at every write with operators of the user that count nothing, whatever they do', async () => {
    /** Holds rows back, lets them go twice, once or never; without a tally. */
    const unruly = (moves: readonly number[], { dictionaries }: StageContext): Operator => {
      let held: ReturnType<typeof rowsIn> = [];
      let turn = 0;
      return {
        output: TRADES,
        process(batch, emit) {
          held.push(...rowsIn(batch));
          const { controls } = batch;
          const move = moves[turn++ % moves.length]!;
          if (move !== 1) {
            const out = move === 0 ? [] : move === 2 ? held : [...held, ...held];
            emit(
              batchOf(TRADES, dictionaries, out, { controls: controls.map((each) => ({ ...each, row: 0 })) }),
            );
            held = [];
          }
          batch.release();
        },
        flush(emit) {
          emit(batchOf(TRADES, dictionaries, held));
          held = [];
        },
      };
    };
    const moves = fc.array(fc.constantFrom(0, 1, 2, 3), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { minLength: 1, maxLength: 3 }), async (ways) => {
        const counters = new WatchedCounters();
        const feed = feedOf(TRADES, { delivery: 'replayable' });
        for (let i = 0; i < 12; i++) {
          feed.push(
            ...Array.from({ length: (i % 4) + 1 }, (_, n) => ({ time: BigInt(n), symbol: 'A', price: i })),
          );
        }
        feed.end();
        const { sink } = keepingSink(() => counters.look());
        const operators = (context: StageContext) => ways.map((each) => unruly(each, context));
        const pipeline = pipelineOf({
          source: feed.make,
          operators,
          sink,
          counters,
          batcher: { maxRows: 3 },
        });
        expect(await pipeline.run()).toMatchObject({ outcome: 'completed', rowsPending: 0 });
        expect(counters.least).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('take rows that an operator still has to emit for pending, not for filtered', async () => {
    const counters = new Counters();
    const inSteps = ({ dictionaries }: StageContext): Operator[] => {
      let held: Row[] = [];
      const emitOne = (emit: Emit) => emit(batchOf(TRADES, dictionaries, held.splice(0, 1)));
      return [
        {
          output: TRADES,
          process(batch, emit) {
            if (batch.length > 0) held = rowsIn(batch);
            batch.release();
            if (held.length > 0) emitOne(emit);
          },
          get hasMore() {
            return held.length > 0;
          },
          emitMore: emitOne,
        },
      ];
    };
    const feed = feedOf(TRADES, { delivery: 'replayable' });
    feed.push(...[1n, 2n, 3n].map((time) => ({ time, symbol: 'A', price: 1 })));
    feed.end();
    const seen: number[] = [];
    const { sink } = keepingSink(() => void seen.push(counters.get('rowsFiltered')));
    const batcher = { maxRows: 1 };
    await pipelineOf({ source: feed.make, operators: inSteps, sink, counters, batcher }).run();
    expect(seen).toEqual([0, 0, 0, 0]); // the last one of the record of the end
  });

  it('are read from the right side to the left, so that a look in between adds up, too', () => {
    const order: CounterName[] = [];
    class Ordered extends Counters {
      override get(name: CounterName): number {
        order.push(name);
        return super.get(name);
      }
    }
    new Ordered().read();
    const lastOfRight = Math.max(
      ...(['rowsOut', 'rowsFiltered', 'rowsFolded', 'rowsDropped', 'rowsRejected'] as const).map((name) =>
        order.indexOf(name),
      ),
    );
    expect(order.indexOf('rowsIn')).toBeGreaterThan(lastOfRight);
    expect(order.indexOf('rowsDerived')).toBeGreaterThan(lastOfRight);
  });

  it('tell rows that came late, and for what rows were dropped', async () => {
    const late: Operator = {
      output: TRADES,
      process: (batch, emit) => {
        batch.length = 0;
        emit(batch);
      },
      tally: () => ({ dropped: 4, late: 3, rejected: 1 }),
    };
    const feed = feedOf(TRADES, { delivery: 'replayable' });
    feed.push(...[1n, 2n, 3n, 4n, 5n].map((time) => ({ time, symbol: 'A', price: 1 })));
    feed.end();
    const { sink } = keepingSink();
    const report = await pipelineOf({ source: feed.make, operators: () => [late], sink }).run();
    expect(report).toMatchObject({
      counters: { rowsLate: 3, rowsDropped: 4 },
      dropped: { late: 3, other: 1 },
    });
    expect(droppedRows({ ...report.counters, rowsLate: 9 })).toEqual({ late: 4 });
  });
});
