import { describe, expect, it } from 'vitest';
import type { SinkCapabilities } from '../../src/engine/sink-capabilities.js';
import type { SourceCapabilities } from '../../src/engine/source-capabilities.js';
import { explainDelivery } from '../../src/plan/explain-delivery.js';
import type { LossyBranch } from '../../src/plan/lossy-branches.js';

type From = SourceCapabilities['delivery'] | undefined;
type To = SinkCapabilities['delivery'] | undefined;

/** A tee of these sinks; `lossy` are the branches whose queue leaves rows out. */
function deliveryOf(from: From, sinks: readonly To[], lossy: readonly number[] = []) {
  const pathOf = (branch: number) => ['sink', 'branches', branch];
  const branches = lossy.map((branch): LossyBranch => {
    const path = pathOf(branch);
    return { id: `sink.branches[${branch}]`, path, at: [...path, 'queue', 'overflow'], policy: 'conflate' };
  });
  return explainDelivery({
    source: from && { delivery: from, bounded: true },
    sinks: sinks.map((delivery, i) => ({
      place: { id: `sink.branches[${i}]`, path: pathOf(i) },
      capabilities: delivery && { delivery },
    })),
    lossy: branches,
  });
}

describe('the rows of a job with a checkpoint store arrive', () => {
  it.each<[From, To, readonly number[], string]>([
    ['replayable', 'transactional', [], 'exactly-once'],
    ['replayable', 'idempotent', [], 'exactly-once'],
    ['resumable', 'transactional', [], 'exactly-once'],
    ['replayable', 'append', [], 'at-least-once'],
    ['live-only', 'transactional', [], 'at-most-once'],
    ['live-only', 'append', [], 'at-most-once'],
    ['replayable', 'append', [0], 'none'],
    ['replayable', 'transactional', [0], 'at-most-once'],
    [undefined, 'transactional', [], 'unknown'],
    ['replayable', undefined, [], 'unknown'],
  ])('from a source that is %s at a sink that is %s, lossy %j: %s', (from, to, lossy, guarantee) => {
    const { withStore } = deliveryOf(from, [to], lossy);
    expect(withStore).toMatchObject([{ sink: 'sink.branches[0]', guarantee }]);
    expect(withStore[0]!.because.length > 0).toBe(guarantee !== 'exactly-once');
  });

  it('at each sink as it and its queue allow', () => {
    const { withStore } = deliveryOf('replayable', ['transactional', 'append', 'idempotent'], [2]);
    expect(withStore.map(({ guarantee }) => guarantee)).toEqual([
      'exactly-once',
      'at-least-once',
      'at-most-once',
    ]);
    expect(withStore.map(({ because }) => because)).toEqual([
      [],
      ['after a restart, the sink writes the rows since the last checkpoint again'],
      ['sink.branches[2] leaves rows out when its queue is full (conflate)'],
    ]);
  });
});

it('the rows of a source whose queue leaves rows out arrive at most once, at each sink', () => {
  const { withStore, lossy } = explainDelivery({
    source: { delivery: 'resumable', bounded: false },
    sinks: [{ place: { id: 'sink', path: ['sink'] }, capabilities: { delivery: 'transactional' } }],
    lossy: [],
    lossySources: [{ id: 'source', policy: 'conflate' }],
  });
  expect(withStore).toEqual([
    {
      sink: 'sink',
      guarantee: 'at-most-once',
      because: ['source leaves rows out when its queue is full (conflate)'],
    },
  ]);
  expect(lossy).toEqual([{ stage: 'source', policy: 'conflate' }]);
});

describe('a run with a checkpoint store', () => {
  it('is refused for branches that may leave out rows which would arrive exactly once', () => {
    const first = ['sink.branches[0]'];
    expect(deliveryOf('replayable', ['transactional', 'idempotent'], [1]).refused).toEqual([
      'sink.branches[1]',
    ]);
    expect(deliveryOf('replayable', ['transactional', 'append'], [0]).refused).toEqual(first);
    expect(deliveryOf('replayable', ['transactional', undefined], [0]).refused).toEqual(first);
    expect(deliveryOf('replayable', ['transactional', 'idempotent']).refused).toEqual([]);
    expect(deliveryOf('replayable', ['append', 'transactional'], [0]).refused).toEqual([]);
    expect(deliveryOf('live-only', ['transactional'], [0]).refused).toEqual([]);
    expect(deliveryOf(undefined, ['transactional'], [0]).refused).toEqual([]);
    expect(deliveryOf('replayable', [undefined], [0]).refused).toEqual([]);
  });
});
