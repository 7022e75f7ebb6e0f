import { invariant } from '../../../core/invariant.js';
import type { SinkFactory } from '../../../engine/factories.js';
import { readCondition } from '../../../expressions/read-condition.js';
import { BranchingSink } from '../branching/branching-sink.js';
import type { SplitSinkOptions } from './options.js';
import { planSplit } from './plan-split.js';
import { SplitRouter } from './split-router.js';

/**
 * Gives each row to the branch whose condition holds: to the first one, or to all of them. The branches share
 * the columns, and each has a selection of its own.
 */
export const splitSink: SinkFactory<SplitSinkOptions> = {
  plan: planSplit,

  create(options, input, context) {
    const { routes, match } = options;
    const conditions = Object.values(routes).map(({ when }) => readCondition(when, input));
    const branches = Object.keys(context.branches).length;
    invariant(
      branches === conditions.length || branches === conditions.length + 1,
      'each route of a split is a branch, and the last branch may be for the other rows',
    );
    const router = new SplitRouter({
      conditions,
      match,
      hasOtherwise: branches > conditions.length,
      input,
      context,
    });
    return new BranchingSink(context, options, router);
  },
};
