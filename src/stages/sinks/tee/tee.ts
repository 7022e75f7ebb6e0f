import { shareBatch } from '../../../columns/shared-batch.js';
import type { SinkFactory } from '../../../engine/factories.js';
import { BranchingSink } from '../branching/branching-sink.js';
import type { TeeSinkOptions } from './options.js';

/** Gives all rows to each branch. The branches share their columns: nothing is copied for those that only read. */
export const teeSink: SinkFactory<TeeSinkOptions> = {
  create(options, _input, context) {
    const { length } = Object.keys(context.branches);
    return new BranchingSink(context, options, { divide: (batch) => shareBatch(batch, length) });
  },
};
