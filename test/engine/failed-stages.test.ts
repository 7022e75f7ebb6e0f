import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { PipelineError, RemoteError } from '../../src/core/errors.js';
import { ProviderError } from '../../src/core/provider-error.js';
import type { Operator } from '../../src/engine/operator.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import type { BranchSpec } from '../support/branched-pipeline.js';
import { countingSink } from '../support/counting-sink.js';
import { gatedSink } from '../support/gated-sink.js';
import { liveComponent, NUMBERS, nestedStages } from '../support/nested-stages.js';
import { feedOf, keepingSink, pipelineOf } from '../support/pipeline-rig.js';
import { one, teeOf } from '../support/tee-of.js';

const ROW = [{ n: 1 }];

/** The stages that a run has failed in. */
const failed = ({ stages }: PipelineReport) =>
  stages.flatMap(({ stage, health }) => (health.status === 'failed' ? [[stage, health.reason]] : []));

/** Expects that a run has failed in a stage, with its error. */
function expectFailure(report: PipelineReport, stage: string, message: string): void {
  expect(report).toMatchObject({ outcome: 'failed', error: { stage, message } });
  expect(failed(report)).toEqual([[stage, message]]);
}

const failing = (error: Error): Operator => ({
  output: NUMBERS,
  process(batch: Batch) {
    batch.release();
    throw error;
  },
});

async function runOf(operators: readonly Operator[], given: object = {}): Promise<PipelineReport> {
  const feed = feedOf(NUMBERS);
  const { sink } = keepingSink();
  const pipeline = pipelineOf({ source: feed.make, operators: () => [...operators], sink, ...given });
  const run = pipeline.run();
  feed.push(...ROW);
  feed.end();
  return run;
}

describe('the stage that a run has failed in', () => {
  it('is in the error and has failed, and no other one has', async () => {
    const passing: Operator = { output: NUMBERS, process: (batch, emit) => emit(batch) };
    const report = await runOf([passing, failing(new Error('no memory of it'))]);
    expectFailure(report, 'operators[1]', 'Operator "operator-1" failed: no memory of it');
  });

  it('is told of errors whose text does not name it', async () => {
    const report = await runOf([failing(new PipelineError('LATE_ROW', 'It is late'))]);
    expectFailure(report, 'operators[0]', 'It is late');
  });

  it.each([
    ['source', 'no answer', (error: Error) => runOf([], { source: () => sourceThat(error) })],
    [
      'sink',
      'the disk is gone',
      (error: Error) => runOf([], { sink: keepingSink(() => throwIt(error)).sink }),
    ],
  ] as const)('may be the %s', async (stage, message, run) => {
    const report = await run(new Error(message));
    expect(report.error?.stage).toBe(stage);
    expect(failed(report)).toEqual([[stage, expect.stringContaining(message)]]);
  });

  it('may be the batcher', async () => {
    const report = await runOf([], {
      ownBatcher: {
        add: () => throwIt(new PipelineError('MEMORY_EXHAUSTED', 'All is full')),
        take: () => undefined,
        flush: () => {},
        flushes: {},
      },
    });
    expectFailure(report, 'batcher', 'All is full');
  });

  it('may have failed to open', async () => {
    const report = await runOf([
      { output: NUMBERS, open: () => throwIt(new ProviderError('unavailable', 'gone')), process: () => {} },
    ]);
    expect(report.error?.stage).toBe('operators[0]');
    expect(failed(report)).toEqual([['operators[0]', expect.stringContaining('gone')]]);
  });

  it('is the one in the branch, not the sink in front of it', async () => {
    const branches: BranchSpec[] = [
      { sink: gatedSink().sink },
      { sink: gatedSink().sink, batcher: one, operators: [() => failing(new Error('wrong'))] },
    ];
    const { feed, run, clock } = teeOf(branches);
    feed.push(...ROW);
    await clock.advance(10);
    const id = 'sink.branches[1].operators[0]';
    expectFailure(await run, id, expect.stringContaining('wrong'));
  });

  it('is the branch whose queue is full', async () => {
    const slow = gatedSink();
    const letGo = slow.hold('write');
    const { feed, run, clock } = teeOf([
      { sink: gatedSink().sink },
      { sink: slow.sink, batcher: one, queue: { rows: 1, batches: 1, overflow: 'fail' } },
    ]);
    for (const n of [1, 2, 3, 4, 5]) feed.push({ n });
    await clock.advance(10);
    letGo();
    expectFailure(await run, 'sink.branches[1]', expect.stringContaining('the queue is full'));
  });

  it('is the one in the input, not the stage that reads it', async () => {
    const feed = feedOf(NUMBERS, { delivery: 'replayable' });
    const side = liveComponent('side', feed.make, NUMBERS);
    feed.fail(new Error('no answer'));
    const zip = { use: 'zip', with: { use: 'side' } };
    const report = await createPipeline(
      uncheckedSpec({ name: 'in', source: { use: 'counting' }, operators: [zip] }),
      { components: [...nestedStages(), side], sink: countingSink([]) },
    ).run();
    expect(report.error).toMatchObject({ code: 'SOURCE_FAILED', stage: 'operators[0].with' });
    expect(failed(report)).toEqual([['operators[0].with', expect.stringContaining('no answer')]]);
  });

  it('is known if it could not be created', async () => {
    const refusing = liveComponent(
      'side',
      () => throwIt(new PipelineError('INPUT_MISSING', 'There is no such venue')),
      NUMBERS,
    );
    const zip = { use: 'zip', with: { use: 'side' } };
    const spec = uncheckedSpec({ name: 'in', source: { use: 'counting' }, operators: [zip] });
    const components = [...nestedStages(), refusing];
    await expect(createPipeline(spec, { components, sink: countingSink([]) }).run()).rejects.toMatchObject({
      code: 'INPUT_MISSING',
      stage: 'operators[0].with',
    });
  });

  it('is known in another thread, too', () => {
    const error = new PipelineError('LATE_ROW', 'It is late');
    error.stage = 'operators[0]';
    const wire = structuredClone(error.toWire());
    expect(new RemoteError(wire).toWire()).toEqual(wire);
    expect(wire.stage).toBe('operators[0]');
  });
});

function throwIt(error: Error): never {
  throw error;
}

const sourceThat = (error: Error) => ({
  schema: NUMBERS,
  capabilities: { delivery: 'replayable', bounded: true } as const,
  read: () => throwIt(error),
  stop() {},
  position: () => null,
  resume() {},
});
