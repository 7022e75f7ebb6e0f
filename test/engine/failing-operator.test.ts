import { describe, expect, it } from 'vitest';
import type { Operator } from '../../src/engine/operator.js';
import { feedOf, keepingSink, pipelineOf, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const row = (price: number) => ({ time: BigInt(price), symbol: 'A', price });

/** Hands on what it was given, and then fails. */
const emittingAndFailing = (): Operator => ({
  output: TRADES,
  process(batch, emit) {
    emit(batch);
    throw new Error('too late');
  },
});
const passing = (): Operator => ({ output: TRADES, process: (batch, emit) => emit(batch) });

describe('an operator that emits the batch that it was given, and then fails,', () => {
  it.each([
    ['the last one', [emittingAndFailing()]],
    ['with others behind it', [emittingAndFailing(), passing(), passing()]],
  ])('fails the run with its own error, and the report is whole (%s)', async (_where, operators) => {
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const { sink } = keepingSink();
    const pipeline = pipelineOf({ source: feed.make, operators: () => operators, sink, clock });
    const run = pipeline.run();
    feed.push(row(1), row(2));
    await clock.advance(0);
    const report = await run;
    expect(report.error).toMatchObject({
      code: 'OPERATOR_FAILED',
      message: expect.stringContaining('too late'),
    });
    expect(report.stages.map(({ stage }) => stage)).toHaveLength(operators.length + 3);
    expect(report.counters.rowsIn).toBe(2);
  });
});
