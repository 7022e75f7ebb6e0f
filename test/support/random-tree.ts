import fc from 'fast-check';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import type { Operator } from '../../src/engine/operator.js';
import type { Sink } from '../../src/engine/sink.js';
import type { Source } from '../../src/engine/source.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OverflowPolicy } from '../../src/settings/overflow-policy.js';
import { barsOperator } from '../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../src/stages/operators/bars/options.js';
import { deriveOperator } from '../../src/stages/operators/derive/derive.js';
import { filterOperator } from '../../src/stages/operators/filter/filter.js';
import { batchOf } from './batch-rows.js';
import type { BranchSpec, SinkSpec } from './branched-pipeline.js';

export const TRADES: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64' },
  ],
};

const START = 1_700_000_000_000_000_000n;

/** Trades a second apart. */
export const tradesOf = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    time: START + BigInt(i) * 1_000_000_000n,
    symbol: 'ABC'[(i * 7) % 3]!,
    price: 100 + ((i * 37) % 50),
    size: (i * 13) % 20,
  }));

type OperatorSpec =
  | { readonly use: 'filter'; readonly modulus: number }
  | { readonly use: 'derive' }
  | { readonly use: 'running' }
  | { readonly use: 'bars'; readonly seconds: number };

/** What of a branch changes its speed, but not its rows, as long as its queue blocks. */
interface Pace {
  readonly batcher: { readonly maxRows: number; readonly maxDelayMs: number };
  readonly queue: { readonly rows: number; readonly batches: number; readonly overflow: OverflowPolicy };
}

export type NodeSpec =
  | { readonly use: 'leaf'; readonly delaysMs: readonly number[] }
  | { readonly use: 'tee'; readonly branches: readonly TreeSpec[] }
  | {
      readonly use: 'split';
      readonly match: 'first' | 'all';
      readonly limits: readonly number[];
      /** One for each limit, and one for the other rows, if there is one more. */
      readonly branches: readonly TreeSpec[];
    };

export interface TreeSpec extends Pace {
  readonly operators: readonly OperatorSpec[];
  readonly node: NodeSpec;
}

const BLOCK: fc.Arbitrary<OverflowPolicy> = fc.constant('block');

/** Half of the queues block. */
export const ANY_POLICY: fc.Arbitrary<OverflowPolicy> = fc.constantFrom(
  'block',
  'block',
  'block',
  'conflate',
  'drop-oldest',
  'drop-newest',
);

const paceOf = (overflow: fc.Arbitrary<OverflowPolicy>): fc.Arbitrary<Pace> =>
  fc.record({
    batcher: fc.record({
      maxRows: fc.integer({ min: 1, max: 20 }),
      maxDelayMs: fc.integer({ min: 1, max: 40 }),
    }),
    queue: fc.record({
      rows: fc.integer({ min: 1, max: 40 }),
      batches: fc.integer({ min: 1, max: 4 }),
      overflow,
    }),
  });

const passing: fc.Arbitrary<OperatorSpec> = fc.oneof(
  fc.record({ use: fc.constant('filter' as const), modulus: fc.integer({ min: 2, max: 5 }) }),
  fc.constant({ use: 'derive' as const }),
  fc.constant({ use: 'running' as const }),
);
const bars = fc.record({ use: fc.constant('bars' as const), seconds: fc.integer({ min: 1, max: 9 }) });
const someOf = (operator: fc.Arbitrary<OperatorSpec>) => fc.array(operator, { maxLength: 2 });

/** Operators of a line, each made for the columns of the one before. */
export const lineOperators: fc.Arbitrary<readonly MakeOperator[]> = fc
  .tuple(someOf(passing), fc.option(bars))
  .map(([before, last]) => (last ? [...before, last] : before).map(operatorOf));

const leaf: fc.Arbitrary<NodeSpec> = fc.record({
  use: fc.constant('leaf' as const),
  delaysMs: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 4 }),
});

/** Trees of branches, up to so many levels. @param overflow - What their queues do when they are full. */
export function treeNode(depth: number, overflow = BLOCK): fc.Arbitrary<NodeSpec> {
  if (depth === 0) return leaf;
  const pace = paceOf(overflow);
  const ends = fc.tuple(pace, someOf(passing), fc.option(bars), leaf).map(([speed, before, last, node]) => {
    return { ...speed, operators: last ? [...before, last] : before, node };
  });
  const passes = fc
    .tuple(pace, someOf(passing), fc.option(treeNode(depth - 1, overflow)))
    .filter(([, , node]) => node !== null)
    .map(([speed, operators, node]): TreeSpec => ({ ...speed, operators, node: node! }));
  const branch: fc.Arbitrary<TreeSpec> = fc.oneof(
    { weight: 2, arbitrary: ends },
    { weight: 1, arbitrary: passes },
  );
  const tee = fc.record({
    use: fc.constant('tee' as const),
    branches: fc.array(branch, { minLength: 1, maxLength: 3 }),
  });
  const split = fc
    .tuple(
      fc.constantFrom('first' as const, 'all' as const),
      fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 2 }),
      fc.array(branch, { minLength: 3, maxLength: 3 }),
      fc.boolean(),
    )
    .map(([match, limits, branches, hasOtherwise]) => {
      return {
        use: 'split' as const,
        match,
        limits,
        branches: branches.slice(0, limits.length + Number(hasOtherwise)),
      };
    });
  return fc.oneof(tee, split);
}

/** A leaf, by its path in the spec, and what rows go through on their way to it. */
export interface LeafPath {
  readonly id: string;
  readonly delaysMs: readonly number[];
  readonly operators: readonly MakeOperator[];
  /** The branches on this way, by their ids, and what their queues do when they are full. */
  readonly branches: readonly { readonly id: string; readonly overflow: OverflowPolicy }[];
}

type Way = Pick<LeafPath, 'operators' | 'branches'>;

export type MakeOperator = (input: Schema, context: StageContext) => Operator;
export type MakeLeaf = (leaf: LeafPath) => (input: Schema, context: StageContext) => Sink;

/** Returns the sink of a tree, with sinks of the test at its leaves. */
export function sinkOfTree(
  node: NodeSpec,
  makeLeaf: MakeLeaf,
  id = 'sink',
  way: Way = { operators: [], branches: [] },
): SinkSpec {
  const branchOf = (tree: TreeSpec, at: string, conditions: readonly string[] = []): BranchSpec => {
    const operators = tree.operators.map(operatorOf);
    const { batcher, queue } = tree;
    const within = `${id}.${at}`;
    const on: Way = {
      operators: [...way.operators, ...conditions.map(where), ...operators],
      branches: [...way.branches, { id: within, overflow: queue.overflow }],
    };
    return { ...sinkOfTree(tree.node, makeLeaf, within, on), operators, batcher, queue };
  };
  switch (node.use) {
    case 'leaf':
      return { sink: makeLeaf({ id, delaysMs: node.delaysMs, ...way }) };
    case 'tee':
      return { tee: node.branches.map((tree, i) => branchOf(tree, `branches[${i}]`)) };
    case 'split': {
      const { limits, match, branches } = node;
      const holds = limits.map((limit) => `size >= ${limit}`);
      const fails = limits.map((limit) => `size < ${limit}`);
      const other = branches[limits.length];
      const routes = limits.map((_, i) => {
        const conditions = match === 'first' ? [...fails.slice(0, i), holds[i]!] : [holds[i]!];
        return [`r${i}`, { when: holds[i]!, ...branchOf(branches[i]!, `routes.r${i}`, conditions) }] as const;
      });
      const otherwise = other && { otherwise: branchOf(other, 'otherwise', fails) };
      return { match, split: Object.fromEntries(routes), ...otherwise };
    }
  }
}

const where =
  (condition: string): MakeOperator =>
  (input, context) =>
    filterOperator.create({ where: condition }, input, context);

function operatorOf(spec: OperatorSpec): MakeOperator {
  switch (spec.use) {
    case 'filter':
      return where(`price % ${spec.modulus} != 0`);
    case 'derive':
      return (input, context) =>
        deriveOperator.create({ columns: { [`d${input.columns.length}`]: 'price * 2' } }, input, context);
    case 'running':
      return running;
    case 'bars':
      return (input, context) =>
        barsOperator.create(BarsOptions.parse({ every: `${spec.seconds}s` }), input, context);
  }
}

/** Adds up prices in place, as an operator may that does not declare that it only reads. */
const running: MakeOperator = (output) => {
  let sum = 0;
  return {
    output,
    process(batch, emit) {
      const price = batch.float64('price');
      for (let row = 0; row < batch.length; row++) {
        sum = (sum + price[row]!) % 10_007;
        price[row] = sum;
      }
      emit(batch);
    },
    snapshot: () => sum,
    restore(state) {
      sum = state as number;
    },
  };
};

/** A source of these rows in batches of these sizes, each after so many milliseconds. */
export function replayOf(rows: readonly Row[], sizes: readonly number[], delaysMs: readonly number[]) {
  return ({ dictionaries, clock }: StageContext): Source => {
    let at = 0;
    let reads = 0;
    let isStopped = false;
    let wake = () => {};
    return {
      schema: TRADES,
      capabilities: { delivery: 'replayable', bounded: true },
      order: { scope: 'all', maxDelayNs: 0 },
      async read() {
        const delayMs = delaysMs[reads % delaysMs.length] ?? 0;
        if (delayMs > 0 && !isStopped) {
          const stopped = new AbortController();
          wake = () => stopped.abort();
          await sleep(clock, millis(delayMs), stopped.signal);
        }
        if (isStopped || at >= rows.length) return null;
        const size = sizes[reads++ % sizes.length] ?? 1;
        const batch = batchOf(TRADES, dictionaries, rows.slice(at, at + size));
        at += batch.length;
        return batch;
      },
      stop() {
        isStopped = true;
        wake();
      },
      position: () => at,
      resume(position) {
        at = position as number;
      },
    };
  };
}
