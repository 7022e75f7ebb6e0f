import type { Row } from '../../src/columns/row-view.js';
import { type BranchedSettings, type BranchSpec, branchedPipeline } from './branched-pipeline.js';
import { NUMBERS } from './nested-stages.js';
import { feedOf } from './pipeline-rig.js';
import { SimulatedClock } from './simulated-clock.js';

/** A batcher that passes each row on by itself. */
export const one = { maxRows: 1, maxDelayMs: 1 };

/** A running pipeline: a tee with these branches behind a source of numbers in the hands of the test. */
export function teeOf(branches: readonly BranchSpec[], settings: Partial<BranchedSettings> = {}) {
  const clock = new SimulatedClock();
  const feed = feedOf(NUMBERS);
  const pipeline = branchedPipeline({
    source: feed.make,
    sink: { tee: branches },
    batcher: one,
    clock,
    ...settings,
  });
  return { clock, feed, pipeline, run: pipeline.run() };
}

/** The numbers that a sink was given. */
export const numbersOf = ({ rows }: { readonly rows: readonly Row[] }) => rows.map(({ n }) => n);
