import { describe, expect, it } from 'vitest';
import type { OpenSpec } from '../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { liveComponent, NUMBERS, nestedStages } from '../../support/nested-stages.js';
import { feedOf, keepingSink } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

/** A live input that its stage reads for each row of the main source, and not otherwise. */
async function started(isRead = true) {
  const clock = new SimulatedClock();
  const main = feedOf(NUMBERS);
  const side = feedOf(NUMBERS);
  const components = [
    ...nestedStages(),
    liveComponent('main', (_, context) => main.make(context), NUMBERS),
    liveComponent(
      'side',
      (_, context) => {
        return Object.assign(side.make(context), { positionForRead: () => undefined });
      },
      NUMBERS,
    ),
  ];
  const spec = {
    name: 'read-ahead',
    source: { use: 'main' },
    operators: [{ use: 'zip', with: { use: 'side' } }],
    batcher: { maxRows: 1 },
  };
  // The types know no components of tests.
  const builder = createPipeline(spec as unknown as OpenSpec, {
    clock,
    components,
    sink: { create: () => keepingSink().sink },
  });
  const pipeline = await builder.build();
  const run = builder.run();
  await clock.advance(1);
  if (isRead) main.push({ n: 1 });
  side.push({ n: 1 });
  await clock.advance(1);
  const received = () =>
    pipeline.describe().find(({ stage }) => stage === 'operators[0].with')!.statistics.rowsIn;
  const end = async () => {
    pipeline.stop();
    await clock.advance(1);
    await run;
  };
  return { clock, main, side, pipeline, received, end };
}

describe('an input that its stage does not read', () => {
  it('is received on after a pause', async () => {
    const { clock, main, side, pipeline, received, end } = await started();
    pipeline.pause();
    main.push({ n: 2 }); // the read that is under way
    side.push({ n: 2 });
    await clock.advance(1);
    for (const n of [3, 4, 5]) side.push({ n });
    await clock.advance(1);
    expect(received()).toBe(3);
    pipeline.resume();
    await clock.advance(1);
    expect(received()).toBe(5);
    await end();
  });

  it('is received on after a checkpoint that has waited for a read', async () => {
    const { clock, side, pipeline, received, end } = await started();
    const taken = pipeline.checkpoint();
    await clock.advance(1);
    for (const n of [2, 3, 4]) side.push({ n });
    await clock.advance(1);
    await taken;
    await clock.advance(1);
    expect(received()).toBe(4);
    await end();
  });

  it('is not received before the first read of its stage', async () => {
    const { clock, pipeline, received, end } = await started(false);
    pipeline.pause();
    await clock.advance(1);
    await pipeline.checkpoint();
    pipeline.resume();
    await clock.advance(1);
    await pipeline.checkpoint();
    expect(received()).toBe(0);
    await end();
  });
});
