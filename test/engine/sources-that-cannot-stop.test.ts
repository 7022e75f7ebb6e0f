import { describe, expect, it } from 'vitest';
import type { Source } from '../../src/engine/source.js';
import type { StageContext } from '../../src/engine/stage.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { branchedPipeline, type SinkSpec } from '../support/branched-pipeline.js';
import { gatedSink } from '../support/gated-sink.js';
import { NUMBERS } from '../support/nested-stages.js';
import { feedOf } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { one } from '../support/tee-of.js';

const HOW = {
  'throws at once': () => {
    throw new Error('not now');
  },
  rejects: () => Promise.reject(new Error('not now')),
};

function runWith(stop: () => void, sinkOf: (sink: ReturnType<typeof gatedSink>) => SinkSpec) {
  const clock = new SimulatedClock();
  const feed = feedOf(NUMBERS);
  const kept = gatedSink();
  const logged: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: ({ err }: { err?: Error }, text: string) => void logged.push(`${text}: ${err?.message}`),
  };
  const source = (context: StageContext): Source => Object.assign(feed.make(context), { stop });
  const pipeline = branchedPipeline({ source, sink: sinkOf(kept), batcher: one, clock, log });
  let report: PipelineReport | undefined;
  const run = pipeline.run().then((of) => {
    report = of;
  });
  const elapse = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) await clock.advance(1_000);
    return report;
  };
  return { feed, kept, logged, pipeline, run, elapse };
}

const TOLD = 'the source threw when it was asked to stop: not now';

describe.each(Object.entries(HOW))('a source whose stop %s', (_, stop) => {
  it('lets a stop end the run, and is named once', async () => {
    const { feed, kept, logged, pipeline, elapse } = runWith(stop, ({ sink }) => ({ sink }));
    feed.push({ n: 1 });
    await elapse(1);
    pipeline.stop();
    expect(await elapse(6)).toMatchObject({ outcome: 'stopped' });
    expect(kept.told).toEqual(['open', 'close']);
    expect(logged).toEqual([TOLD]);
  });

  it.each(['drain', 'suspend'] as const)('is not read again after a %s', async (how) => {
    const { feed, kept, logged, pipeline, elapse } = runWith(stop, ({ sink }) => ({ sink }));
    feed.push({ n: 1 });
    await elapse(1);
    pipeline[how]();
    feed.push({ n: 2 }); // ends the read
    feed.push({ n: 3 });
    expect(await elapse(6)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(kept.rows).toEqual([{ n: 1 }, { n: 2 }]);
    expect(logged).toEqual([TOLD]);
  });

  it('leaves the failure of the sink the first', async () => {
    const { feed, kept, logged, elapse } = runWith(stop, ({ sink }) => ({ sink }));
    const goOn = kept.hold('write');
    feed.push({ n: 1 });
    await elapse(1);
    kept.fail(new Error('no room'));
    goOn();
    expect(await elapse(6)).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(kept.told).toEqual(['open', 'close']);
    expect(logged).toEqual([TOLD]);
  });

  it('leaves the failure of a branch the first', async () => {
    const { feed, kept, logged, elapse } = runWith(stop, ({ sink }) => ({
      tee: [
        {
          sink,
          batcher: one,
          operators: [
            (output) => ({
              output,
              process() {
                throw new Error('bad row');
              },
            }),
          ],
        },
      ],
    }));
    feed.push({ n: 1 });
    expect(await elapse(7)).toMatchObject({ outcome: 'failed', error: { message: /bad row/ } });
    expect(kept.told).toEqual(['open', 'close']);
    expect(logged).toEqual([TOLD]);
  });
});
