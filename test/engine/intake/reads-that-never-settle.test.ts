import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { PipelineError } from '../../../src/core/errors.js';
import type { Source } from '../../../src/engine/source.js';
import type { OpenSpec } from '../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { batchOf } from '../../support/batch-rows.js';
import { liveComponent, NUMBERS, nestedStages } from '../../support/nested-stages.js';
import { feedOf, keepingSink, pipelineOf } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

/** Gives one row, and then does not settle its read, stopped or not. */
function stuck() {
  const told: string[] = [];
  let settle = (_: null) => {};
  const make = ({ dictionaries }: Parameters<Parameters<typeof pipelineOf>[0]['source']>[0]): Source => {
    let reads = 0;
    return {
      schema: NUMBERS,
      capabilities: { delivery: 'live-only', bounded: false },
      read: () =>
        ++reads === 1
          ? batchOf(NUMBERS, dictionaries, [{ n: 1 }])
          : new Promise<Batch | null>((resolve) => {
              settle = resolve;
            }),
      stop: () => void told.push('stop'),
      position: () => reads,
      resume() {},
      close: () => void told.push('close'),
    };
  };
  return { make, told, settle: () => settle(null) };
}

describe('a source that does not settle its read after a stop', () => {
  const fenced = new PipelineError('FENCED', 'another start has taken over');
  const saver = {
    everyMs: 10,
    save: () => Promise.reject(fenced),
  };

  it.each([
    ['of a failed sink', { outcome: 'failed', error: { code: 'SINK_FAILED' } }],
    ['of a run that was taken over', { outcome: 'failed', error: { code: 'FENCED' } }],
    ['of a stop', { outcome: 'stopped', reason: 'stopped' }],
  ] as const)('holds up the end %s for a bounded time, and is named and closed later', async (why, ends) => {
    const clock = new SimulatedClock();
    const { make, told, settle } = stuck();
    const { sink } = keepingSink(() => {
      if (why === 'of a failed sink') throw new Error('no room');
    });
    const warnings: string[] = [];
    const pipeline = pipelineOf({
      source: make,
      sink,
      clock,
      batcher: { maxRows: 1 },
      ...(why === 'of a run that was taken over' && { saver }),
      warn: (message) => warnings.push(message),
    });
    let isOver = false;
    const run = pipeline.run().finally(() => {
      isOver = true;
    });
    await clock.advance(20);
    if (why === 'of a stop') pipeline.stop();
    for (let turn = 0; turn < 5; turn++) await clock.advance(1);
    await clock.advance(4_000);
    expect(isOver).toBe(false);
    await clock.advance(2_000);
    expect(isOver).toBe(true);
    expect(await run).toMatchObject(ends);
    expect(warnings.at(-1)).toContain('still at work');
    expect(told).toContain('stop');
    expect(told).not.toContain('close');
    expect(clock.timersPending).toBe(0);
    settle();
    await clock.advance(0);
    expect(told.at(-1)).toBe('close');
  });

  it('holds up no longer where it is that of an input', async () => {
    const clock = new SimulatedClock();
    const { make, told, settle } = stuck();
    const main = feedOf(NUMBERS);
    const builder = createPipeline(
      {
        name: 'stuck',
        source: { use: 'main' },
        operators: [{ use: 'weave', with: { use: 'side' } }],
        batcher: { maxRows: 1 },
      } as unknown as OpenSpec, // the types know no components of tests
      {
        clock,
        components: [
          ...nestedStages(),
          liveComponent('main', (_, context) => main.make(context), NUMBERS),
          liveComponent('side', (_, context) => make(context), NUMBERS),
        ],
        sink: {
          create: () =>
            keepingSink(() => {
              throw new Error('no room');
            }).sink,
        },
      },
    );
    await builder.build();
    const run = builder.run();
    main.push({ n: 1 });
    await clock.advance(6_000);
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(told).toEqual(['stop']);
    settle();
    await clock.advance(0);
    expect(told).toEqual(['stop', 'close']);
  });
});
