import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../../src/columns/batch.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import { nanos } from '../../../../src/core/units.js';
import type { InputOnDemand } from '../../../../src/engine/input.js';
import { RouterLane } from '../../../../src/stages/sources/router/router-lane.js';
import { SilenceWatch } from '../../../../src/stages/sources/router/silence-watch.js';
import { batchOf } from '../../../support/batch-rows.js';
import type { Stream } from '../../../support/pipeline-rig.js';
import { isRow } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, NUMBERED, row } from './router-rig.js';

/** A lane that is open beside the current one, whose source gives what `next` says, at once. */
async function standby(next: () => Stream) {
  const dictionaries = new DictionarySet();
  const clock = new SimulatedClock();
  const input = {
    capabilities: { delivery: 'live-only', bounded: false },
    open: async () => {},
    read: () => {
      const stream = next();
      const controls = stream.flatMap((entry) => (isRow(entry) ? [] : [{ row: 0, record: entry }]));
      return batchOf(NUMBERED, dictionaries, stream.filter(isRow), { controls });
    },
  } as unknown as InputOnDemand;
  const lane = new RouterLane({
    name: 'b',
    id: 'sources.b',
    input,
    clock,
    silence: new SilenceWatch({ schema: NUMBERED, clock, silenceNs: undefined, share: 1 }),
    onNews: () => {},
  });
  lane.open();
  await Promise.resolve();
  await Promise.resolve();
  expect(lane.isOpen).toBe(true);
  const read = (isSeen: (batch: Batch) => boolean = () => false) => {
    lane.keepLatest(isSeen);
    lane.read();
  };
  return { lane, read };
}

describe('a source that is open beside the current one', () => {
  it('keeps nothing of the time that it tells while no rows come', async () => {
    let ms = 0;
    const { lane, read } = await standby(() =>
      ++ms === 1 ? [row(0, 1)] : [{ type: 'watermark', at: nanos(at(ms)) }],
    );
    for (let i = 0; i < 1_000; i++) read();
    expect(lane.batches.length).toBeLessThanOrEqual(2);
    expect(lane.batches[0]!.length).toBe(1);
  });

  it.each([
    ['rows', (n: number): Stream => [row(n, n)]],
    ['records', (n: number): Stream => [{ type: 'stale', since: nanos(at(n)) }]],
  ])('keeps a bounded number of batches with few %s', async (_name, of) => {
    let n = 0;
    const { lane, read } = await standby(() => of(++n));
    for (let i = 0; i < 20_000; i++) read();
    expect(lane.batches.length).toBeLessThanOrEqual(8_193);
    expect(lane.batches.length).toBeGreaterThan(8_000);
  });
});
