import fc from 'fast-check';
import { z } from 'zod';
import type { Row } from '../../src/columns/row-view.js';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import { type Component, defineComponent } from '../../src/engine/component.js';
import { batchOf } from './batch-rows.js';
import { TRADES } from './random-tree.js';

/** What of a source changes its speed, but not its rows. */
interface Pace {
  readonly sizes: readonly number[];
  readonly delaysMs: readonly number[];
  /** Whether it answers without a promise. */
  readonly isSync: boolean;
  /** Whether its rows tell the time of all symbols, or of their own only. */
  readonly scope: 'all' | 'symbol';
  readonly queue: { readonly rows: number; readonly batches: number };
}

/** A row: seconds since the one before, and its symbol. */
type Tick = readonly [afterSeconds: number, symbol: string];

export type StreamSpec =
  | { readonly use: 'given'; readonly ticks: readonly Tick[]; readonly pace: Pace }
  | { readonly use: 'merge'; readonly lines: readonly LineSpec[] };

type StepSpec =
  | { readonly use: 'filter'; readonly modulus: number }
  /** Takes the price of the last row of another line as of the time of each row. */
  | { readonly use: 'asof'; readonly side: LineSpec };

export interface LineSpec {
  readonly stream: StreamSpec;
  readonly steps: readonly StepSpec[];
}

/** A line of which several branches take the rows. */
export interface InputsSpec {
  readonly line: LineSpec;
  readonly branches: readonly {
    readonly steps: readonly StepSpec[];
    readonly queue: Pace['queue'];
    readonly delaysMs: readonly number[];
  }[];
}

const queue = fc.record({ rows: fc.integer({ min: 1, max: 20 }), batches: fc.integer({ min: 1, max: 3 }) });
const delaysMs = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 3 });

const given: fc.Arbitrary<StreamSpec> = fc.record({
  use: fc.constant('given' as const),
  ticks: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('A', 'B')), { maxLength: 40 }),
  pace: fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    delaysMs,
    isSync: fc.boolean(),
    scope: fc.constantFrom('all' as const, 'all' as const, 'symbol' as const),
    queue,
  }),
});

function stream(depth: number): fc.Arbitrary<StreamSpec> {
  if (depth === 0) return given;
  const merge = fc.record({
    use: fc.constant('merge' as const),
    lines: fc.array(line(depth - 1), { minLength: 1, maxLength: 3 }),
  });
  return fc.oneof(given, merge);
}

function step(depth: number): fc.Arbitrary<StepSpec> {
  const filter = fc.record({
    use: fc.constant('filter' as const),
    modulus: fc.integer({ min: 2, max: 5 }),
  });
  if (depth === 0) return filter;
  return fc.oneof(filter, fc.record({ use: fc.constant('asof' as const), side: line(depth - 1) }));
}

const line = (depth: number): fc.Arbitrary<LineSpec> =>
  fc.record({ stream: stream(depth), steps: fc.array(step(depth), { maxLength: 2 }) });

/** Trees of inputs, up to so many levels, with branches behind them. */
export const inputsOf = (depth: number): fc.Arbitrary<InputsSpec> =>
  fc.record({
    line: line(depth),
    branches: fc.array(fc.record({ steps: fc.array(step(1), { maxLength: 1 }), queue, delaysMs }), {
      minLength: 1,
      maxLength: 2,
    }),
  });

const START = 1_700_000_000_000_000_000n;

/** A spec with the rows that are to come out at each of its branches. */
export class MadeInputs {
  readonly source: object;
  readonly operators: readonly object[];
  readonly branches: readonly { readonly operators: readonly object[]; readonly expected: readonly Row[] }[];
  readonly #given: { readonly rows: readonly Row[]; readonly pace: Pace }[] = [];

  constructor({ line: { stream: of, steps }, branches }: InputsSpec) {
    const read = this.#stream(of);
    const trunk = this.#through(read.rows, steps);
    this.source = read.source;
    this.operators = trunk.operators;
    this.branches = branches.map((branch) => {
      const { operators, rows } = this.#through(trunk.rows, branch.steps);
      return { operators, expected: rows };
    });
  }

  /** The source that its spec uses. */
  component(): Component {
    return defineComponent({
      kind: 'source',
      name: 'given',
      summary: 'Gives rows of the test.',
      options: async () => z.strictObject({ id: z.int() }),
      load: async () => ({
        plan: () => TRADES,
        create: ({ id }, { dictionaries, clock }) => {
          const { rows, pace } = this.#given[id]!;
          let at = 0;
          let reads = 0;
          const next = () => {
            if (at >= rows.length) return null;
            const taken = rows.slice(at, at + pace.sizes[reads++ % pace.sizes.length]!);
            at += taken.length;
            return batchOf(TRADES, dictionaries, taken);
          };
          return {
            schema: TRADES,
            capabilities: { delivery: 'replayable', bounded: true },
            order: { scope: pace.scope, maxDelayNs: 0 },
            read() {
              if (pace.isSync) return next();
              const delayMs = pace.delaysMs[reads % pace.delaysMs.length]!;
              return sleep(clock, millis(delayMs)).then(next);
            },
            stop() {},
            position: () => [at, reads],
            positionForRead: () => [at, reads],
            resume(position) {
              [at, reads] = position as [number, number];
            },
          };
        },
      }),
    });
  }

  #stream(spec: StreamSpec): { readonly source: object; readonly rows: readonly Row[] } {
    if (spec.use === 'given') {
      const id = this.#given.length;
      const rows = rowsOfTicks(spec.ticks, id);
      this.#given.push({ rows, pace: spec.pace });
      return { source: { use: 'given', id, queue: spec.pace.queue }, rows };
    }
    const lines = spec.lines.map((of) => this.#line(of));
    // The sort is stable: of one instant, rows stand by their source.
    const rows = lines.flatMap((of) => of.rows).sort((a, b) => Number(timeOf(a) - timeOf(b)));
    const sources = lines.map(({ source, operators }) => ({ ...source, operators }));
    return { source: { use: 'merge', sources }, rows };
  }

  #line({ stream: of, steps }: LineSpec) {
    const { source, rows } = this.#stream(of);
    return { source, ...this.#through(rows, steps) };
  }

  #through(rows: readonly Row[], steps: readonly StepSpec[]) {
    const operators: object[] = [];
    let left = rows;
    for (const one of steps) {
      if (one.use === 'filter') {
        operators.push({ use: 'filter', where: `price % ${one.modulus} != 0` });
        left = left.filter(({ price }) => (price as number) % one.modulus !== 0);
        continue;
      }
      const side = this.#line(one.side);
      const join = { with: side.source, operators: side.operators, take: { other: 'price' } };
      const columns = { time: 'time', symbol: 'symbol', price: 'other', size: 'size' };
      operators.push({ use: 'asof', unmatched: 'drop', ...join }, { use: 'select', columns });
      left = left.flatMap((row) => {
        const match = side.rows.findLast(
          (other) => other.symbol === row.symbol && timeOf(other) <= timeOf(row),
        );
        return match ? [{ ...row, price: match.price! }] : [];
      });
    }
    return { operators, rows: left };
  }
}

/** Each price is of one row of one source. */
function rowsOfTicks(ticks: readonly Tick[], id: number): readonly Row[] {
  let time = START;
  return ticks.map(([afterSeconds, symbol], i) => {
    time += BigInt(afterSeconds) * 1_000_000_000n;
    return { time, symbol, price: id * 1_000 + i + 1, size: i % 7 };
  });
}

const timeOf = ({ time }: Row): bigint => time as bigint;
