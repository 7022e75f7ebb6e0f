/** What of the branches of a spec does not compile. Checked by `npm run check`, never run. */
import { createPipeline, type PipelineSpec, type SinkSpec } from '../../src/index.js';

// What is right compiles, as written and as constants.
const tree = {
  name: 'tree',
  source: { use: 'synthetic' },
  sink: {
    use: 'tee',
    branches: [
      { use: 'parquet', path: 'all' },
      {
        use: 'jsonl',
        name: 'bars',
        path: 'bars.jsonl',
        operators: [{ use: 'bars', every: '1m' }],
        batcher: { maxRows: 1_000 },
        queue: { batches: 8, overflow: { quotes: 'conflate', trades: 'block' } },
      },
      {
        use: 'split',
        match: 'all',
        routes: {
          large: { when: 'size >= 100', use: 'parquet', path: 'large' },
          small: { when: 'size < 10', use: 'tee', branches: [{ use: 'null' }] },
        },
        otherwise: { use: 'null', queue: { overflow: 'drop-oldest' } },
        cutDeadlineMs: 5_000,
      },
    ],
  },
} as const satisfies PipelineSpec;
createPipeline(tree);

// @ts-expect-error: a sink has no branches of its own accord
export const parquet: SinkSpec = { use: 'parquet', path: 'out', branches: [{ use: 'null' }] };
// @ts-expect-error: a branch has a sink
export const none: SinkSpec = { use: 'tee', branches: [{ path: 'out' }] };
// @ts-expect-error: there is no sink "parket"
export const misspelt: SinkSpec = { use: 'tee', branches: [{ use: 'parket', path: 'out' }] };
// @ts-expect-error: a branch of tee has no condition
export const condition: SinkSpec = { use: 'tee', branches: [{ use: 'null', when: 'size > 1' }] };
// @ts-expect-error: a route has a condition
export const route: SinkSpec = { use: 'split', routes: { all: { use: 'null' } } };
// @ts-expect-error: there is no policy "drop"
export const policy: SinkSpec = { use: 'tee', branches: [{ use: 'null', queue: { overflow: 'drop' } }] };
// @ts-expect-error: only a branch has a queue
export const queue: SinkSpec = { use: 'null', queue: { batches: 1 } };
// @ts-expect-error: bars need "every"
export const bars: SinkSpec = { use: 'tee', branches: [{ use: 'null', operators: [{ use: 'bars' }] }] };
