import { invariant } from '../../../core/invariant.js';
import type { OperatorFactory } from '../../../engine/factories.js';
import type { Input } from '../../../engine/input.js';
import type { StageContext } from '../../../engine/stage.js';
import { AsOfJoin } from './as-of-join.js';
import { AsOfOperator } from './as-of-operator.js';
import { InOrderJoin } from './in-order-join.js';
import type { LagSettings } from './input-lags.js';
import { type JoinPlan, planJoin } from './join-columns.js';
import { JoinedBatches } from './joined-batches.js';
import { LateJoins } from './late-joins.js';
import { LiveAsOfOperator } from './live-as-of-operator.js';
import type { AsOfOptions } from './options.js';
import { SideRecords } from './side-records.js';

/** The id of the second source among the inputs of the stage. */
const SIDE = 'with';

/** Factory of the operator `asof`. */
export const asOfFactory: OperatorFactory<AsOfOptions> = {
  plan(options, input, problems, { inputs }) {
    const side = inputs[SIDE];
    return side ? planJoin(options, input, side, problems).output : input;
  },
  create(options, input, context) {
    const side = context.inputs[SIDE];
    invariant(side !== undefined, 'an as-of join has its second source');
    const plan = planJoin(options, input, side.schema);
    const { bounded } = context.stream;
    const late = new LateJoins({
      policy: options.late ?? (bounded ? 'stop' : 'drop'),
      columns: plan,
      context,
    });
    const { output } = plan;
    const { batchRows, dictionaries, memory } = context;
    const batches = new JoinedBatches(plan, options.unmatched === 'drop', batchRows, dictionaries);
    const records = new SideRecords({ main: plan.main, schema: input, dictionaries, side: side.title });
    const parts = { output, input: side, late, batches, records };
    if (side.capabilities.delivery !== 'replayable') {
      const join = generalJoin(options, plan, side, context, late);
      const lag = lagOf(options, side, context);
      return new LiveAsOfOperator({
        ...parts,
        join,
        main: input,
        lag,
        idleNs: BigInt(options.idle),
        time: plan.main.time,
        context,
      });
    }
    const join = isInOrder(options, plan, side, context)
      ? new InOrderJoin(
          {
            ...plan,
            toleranceNs: options.tolerance ?? Number.POSITIVE_INFINITY,
            memory,
            dictionaries,
          },
          late,
        )
      : generalJoin(options, plan, side, context, late);
    return new AsOfOperator({ ...parts, join });
  },
};

/** Whether no search is needed, because the match is always the last side row that was read. */
function isInOrder(
  { direction }: AsOfOptions,
  { side: { sequence } }: JoinPlan,
  { order }: Pick<Input, 'order'>,
  { stream }: StageContext,
): boolean {
  const inOrder = [order, stream.order].every(({ scope, maxDelayNs }) => scope === 'all' && maxDelayNs === 0);
  return direction === 'backward' && sequence < 0 && inOrder;
}

function lagOf({ rowsMax }: AsOfOptions, side: Input, { id, stream }: StageContext): LagSettings {
  const isSideLive = side.capabilities.delivery !== 'replayable';
  return { id, side: side.title, rowsMax, isSideLive, isRetryable: isSideLive || !stream.bounded };
}

function generalJoin(
  options: AsOfOptions,
  plan: JoinPlan,
  side: Input,
  context: StageContext,
  late: LateJoins,
): AsOfJoin {
  const { direction, tolerance } = options;
  const { stream, memory, dictionaries } = context;
  const settings = {
    ...plan,
    direction,
    toleranceNs: tolerance === undefined ? undefined : BigInt(tolerance),
    mainOrder: stream.order,
    sideOrder: side.order,
    lag: lagOf(options, side, context),
    memory,
    dictionaries,
  };
  return new AsOfJoin(settings, late);
}
