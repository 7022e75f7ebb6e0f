import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import type { SourceCapabilities } from '../../../src/engine/source-capabilities.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import { feedOf, isRow, isWatermark, keepingSink, pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const START = 1_700_000_000_000_000_000n;
const at = (ms: number): bigint => START + BigInt(ms) * 1_000_000n;
const trade = (ms: number): Row => ({ time: at(ms), symbol: 'A', price: ms });
const reason = 'restart: rows that came meanwhile are lost';

/** One start of a run, and what reached its sink. */
async function start(
  checkpoint: Checkpoint | undefined,
  pushes: readonly (readonly number[])[],
  delivery: SourceCapabilities['delivery'] = 'live-only',
) {
  const clock = new SimulatedClock({ wall: START });
  const feed = feedOf(TRADES, { delivery });
  const { stream, sink } = keepingSink();
  const pipeline = pipelineOf({ source: feed.make, sink, clock, ...(checkpoint && { checkpoint }) });
  const run = pipeline.run();
  for (const times of pushes) {
    feed.push(...times.map(trade));
    await clock.advance(1);
  }
  await clock.advance(1);
  const taken = JSON.parse(JSON.stringify(await pipeline.checkpoint())) as Checkpoint;
  pipeline.stop();
  await clock.advance(1);
  await run;
  return { taken, told: stream.filter((entry) => !isRow(entry) && !isWatermark(entry)), stream };
}

describe('a resumed run of a live source', () => {
  it('begins with a gap from the last event time of the checkpoint to the first row, once', async () => {
    const first = await start(undefined, [[1, 7], [5]]);
    expect(first.told).toEqual([]);
    const second = await start(first.taken, [[100, 90], [110]]);
    expect(second.told).toEqual([{ type: 'gap', from: at(7), to: at(90), reason }]);
    expect(second.stream.filter((entry) => !isWatermark(entry))[0]).toMatchObject({ type: 'gap' });
  });

  it('tells of the whole gap if the start before it received nothing', async () => {
    const first = await start(undefined, [[7]]);
    const second = await start(first.taken, []);
    const third = await start(second.taken, [[200]]);
    expect([second.told, third.told]).toEqual([[], [{ type: 'gap', from: at(7), to: at(200), reason }]]);
  });

  it('has no gap before its first row ever', async () => {
    const first = await start(undefined, []);
    expect((await start(first.taken, [[5]])).told).toEqual([]);
  });

  it('has none if what was missed can be had again', async () => {
    const first = await start(undefined, [[7]], 'resumable');
    expect((await start(first.taken, [[100]], 'resumable')).told).toEqual([]);
  });
});
