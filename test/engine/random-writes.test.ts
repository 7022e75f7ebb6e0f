import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/columns/row-view.js';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import type { Sink } from '../../src/engine/sink.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { rowsIn } from '../support/batch-rows.js';
import { pipelineOf } from '../support/pipeline-rig.js';
import { lineOperators, replayOf, TRADES, tradesOf } from '../support/random-tree.js';
import { SimulatedClock } from '../support/simulated-clock.js';

/** A sink that takes so many milliseconds for each write, and looks whether its batch has changed meanwhile. */
function timedSink(clock: SimulatedClock, writesMs: readonly (number | 'at once')[], rows: Row[] = []) {
  let writes = 0;
  let atOnce = 0;
  const sink: Sink = {
    capabilities: { delivery: 'append' },
    write(batch) {
      expect(++atOnce).toBe(1);
      const before = rowsIn(batch);
      const controls = [...batch.controls];
      const end = () => {
        expect(rowsIn(batch)).toEqual(before);
        expect(batch.controls).toEqual(controls);
        batch.release();
        rows.push(...before);
        atOnce--;
      };
      const ms = writesMs[writes++ % writesMs.length]!;
      return ms === 'at once' ? end() : sleep(clock, millis(ms)).then(end);
    },
    flush: () => ({ rows: rows.length, position: rows.length }),
    resume() {},
  };
  return { sink, rows };
}

describe('a sink whose writes take long', () => {
  const ms = fc.integer({ min: 0, max: 12 });
  const scenario = fc.record({
    rows: fc.integer({ min: 0, max: 60 }),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    operators: lineOperators,
    batcher: fc.record({
      maxRows: fc.integer({ min: 1, max: 12 }),
      maxDelayMs: fc.integer({ min: 1, max: 15 }),
      key: fc.constantFrom(undefined, 'symbol'),
    }),
    readsMs: fc.array(ms, { minLength: 1, maxLength: 3 }),
    writesMs: fc.array(fc.oneof(ms, fc.constant('at once' as const)), { minLength: 1, maxLength: 5 }),
  });
  type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

  function start(
    given: Scenario,
    { writesMs = given.writesMs, rows = [] as Row[], checkpoint = undefined as Checkpoint | undefined } = {},
  ) {
    const clock = new SimulatedClock();
    const { sink } = timedSink(clock, writesMs, rows);
    const pipeline = pipelineOf({
      source: replayOf(tradesOf(given.rows), given.sizes, given.readsMs),
      operators: (context) => {
        let input = TRADES;
        return given.operators.map((make) => {
          const operator = make(input, context);
          input = operator.output;
          return operator;
        });
      },
      sink,
      batcher: given.batcher,
      clock,
      ...(checkpoint && { checkpoint }),
    });
    let report: PipelineReport | undefined;
    void pipeline.run().then((of) => {
      report = of;
    });
    const end = async () => {
      for (let at = 0; at < 10_000 && !report; at += 10) await clock.advance(10);
      expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
      expect(clock.timersPending).toBe(0);
      return rows;
    };
    return { clock, pipeline, end };
  }

  /** With a key, batches come in the order in which they were closed. */
  const inOrder = (rows: readonly Row[], { batcher }: Scenario) =>
    batcher.key === undefined
      ? rows
      : rows.toSorted((a, b) => (Object.values(a).join() < Object.values(b).join() ? -1 : 1));

  it('gets what one gets that writes at once, never sees a batch change, and has a cut between two batches', async () => {
    const acts = fc.array(
      fc.record({ afterMs: ms, act: fc.constantFrom('checkpoint' as const, 'pause' as const) }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(scenario, acts, async (given, todo) => {
        const expected = inOrder(await start(given, { writesMs: ['at once'] }).end(), given);
        const { clock, pipeline, end } = start(given);
        const cuts: Checkpoint[] = [];
        for (const { afterMs, act } of todo) {
          await clock.advance(afterMs);
          if (act === 'pause') pipeline.pause();
          else
            void pipeline.checkpoint().then(
              (cut) => cuts.push(cut),
              () => undefined,
            );
          await clock.advance(afterMs);
          pipeline.resume();
        }
        const rows = await end();
        expect(inOrder(rows, given)).toEqual(expected);
        for (const checkpoint of cuts) {
          const kept = rows.slice(0, checkpoint.states.sink as number);
          expect(checkpoint.counters.rowsOut).toBe(kept.length);
          const resumed = await start(given, { checkpoint, rows: kept }).end();
          expect(inOrder(resumed, given)).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });
});
