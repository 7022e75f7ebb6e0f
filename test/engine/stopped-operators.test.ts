import { describe, expect, it } from 'vitest';
import type { Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { batchOf } from '../support/batch-rows.js';
import { gatedSink } from '../support/gated-sink.js';
import { NUMBERS } from '../support/nested-stages.js';
import { pipelineOf } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

/** Asked, it takes until `goOn` for each of `left` numbers. */
function slowOperator() {
  const asked = { left: 0, goOn: () => {} };
  const make = ({ dictionaries }: StageContext): Operator => ({
    output: NUMBERS,
    process: (batch, emit) => emit(batch),
    get hasMore() {
      return asked.left > 0;
    },
    async emitMore(emit) {
      await new Promise<void>((resolve) => {
        asked.goOn = resolve;
      });
      asked.left--;
      emit(batchOf(NUMBERS, dictionaries, [{ n: asked.left }]));
    },
    snapshot: () => asked.left,
    restore() {},
  });
  return { asked, make };
}

describe('a stop', () => {
  it('in the middle of an operator is not followed by a checkpoint without its rows', async () => {
    const clock = new SimulatedClock();
    const kept = gatedSink();
    const saved: Checkpoint[] = [];
    const { asked, make } = slowOperator();
    let endRead = () => {};
    const pipeline = pipelineOf({
      source: () => ({
        schema: NUMBERS,
        capabilities: { delivery: 'live-only', bounded: false },
        read: () =>
          new Promise<null>((resolve) => {
            endRead = () => resolve(null);
          }),
        stop() {}, // its provider answers later
        position: () => 0,
        resume() {},
      }),
      operators: (context) => [make(context), { output: NUMBERS, process: (batch, emit) => emit(batch) }],
      sink: kept.sink,
      clock,
      saver: { everyMs: 1_000_000, save: async (taken) => void saved.push(taken) },
    });
    const run = pipeline.run();
    await clock.advance(1);
    asked.left = 3;
    pipeline.wakeOperators();
    await clock.advance(1);
    const taken = pipeline.checkpoint().catch((error: unknown) => error);
    pipeline.stop();
    asked.goOn();
    await clock.advance(1);
    expect(saved).toEqual([]);
    endRead();
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(await taken).toMatchObject({ code: 'JOB_STATE' });
  });
});
