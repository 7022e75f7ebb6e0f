import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import { packRows } from '../../../src/columns/selection.js';
import { nanos } from '../../../src/core/units.js';
import type { Operator } from '../../../src/engine/operator.js';
import { deriveOperator } from '../../../src/stages/operators/derive/derive.js';
import { DeriveOptions } from '../../../src/stages/operators/derive/options.js';
import { filterOperator } from '../../../src/stages/operators/filter/filter.js';
import { FilterOptions } from '../../../src/stages/operators/filter/options.js';
import { ModuleOptions } from '../../../src/stages/operators/module/options.js';
import { SelectOptions } from '../../../src/stages/operators/select/options.js';
import { selectOperator } from '../../../src/stages/operators/select/select.js';
import { streamOf } from '../../support/batch-rows.js';
import { stageContext } from '../../support/stage-context.js';
import { batchOf, MIXED, plan, run } from './operator-rig.js';

const QUOTE: Schema = {
  kind: 'quote',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'bid', type: 'float64' },
    { name: 'ask', type: 'float64' },
    { name: 'bidSize', type: 'float64' },
  ],
};

const quote = (bid: number, ask: number, symbol = 'A') => ({
  time: BigInt(bid),
  symbol,
  bid,
  ask,
  bidSize: 1,
});
const resetAt = (at: number): ControlRecord => ({ type: 'reset', at: nanos(BigInt(at)), reason: 'test' });

/** Each operator with room for 8 rows, and the batches they may still hold. */
function setUp() {
  const dictionaries = new DictionarySet();
  const pool = new BatchPool(QUOTE, 8, dictionaries);
  const context = stageContext({ dictionaries, batchRows: 8 });
  return { dictionaries, pool, context };
}

describe('filter', () => {
  it('names the place of a mistake in its plan', () => {
    const { output, problems } = plan(filterOperator, { where: 'bdi > 0' }, QUOTE);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^where: unknown column "bdi"; did you mean "bid"\?/);
    expect(output).toBe(QUOTE);
  });

  it('refuses a value that is no condition', () => {
    expect(plan(filterOperator, { where: 'bid + 1' }, QUOTE).problems[0]).toContain(
      'expected a condition, such as "bid > 0", found a number',
    );
  });

  it('emits nothing, and releases, when no row and no control is left', () => {
    const { pool, dictionaries, context } = setUp();
    const operator = filterOperator.create({ where: 'bid > 100' }, QUOTE, context);
    const out = run(operator, [batchOf(QUOTE, [quote(1, 2), quote(3, 4)], dictionaries, { pool })]);
    expect(out).toEqual([]);
    expect(pool.outstanding).toBe(0);
    expect(operator.tally?.()).toEqual({ filtered: 2 });
  });

  it('emits a batch whose rows are gone and whose controls are not', () => {
    const { pool, dictionaries, context } = setUp();
    const operator = filterOperator.create({ where: 'false' }, QUOTE, context);
    const controls = [{ row: 1, record: resetAt(1) }];
    const out = run(operator, [batchOf(QUOTE, [quote(1, 2), quote(3, 4)], dictionaries, { pool, controls })]);
    expect(out).toMatchObject([{ rows: [], controls: [{ row: 0, record: resetAt(1) }] }]);
    expect(pool.outstanding).toBe(0);
  });

  it('does not add its own strings to the dictionary, and knows one that appears later', () => {
    const { pool, dictionaries, context } = setUp();
    const operator = filterOperator.create(
      { where: "symbol == 'B' or symbol in ('C', 'D')" },
      QUOTE,
      context,
    );
    const first = run(operator, [batchOf(QUOTE, [quote(1, 1, 'A')], dictionaries, { pool })]);
    expect(dictionaries.get('symbol').values).toEqual(['A']);
    const second = run(operator, [
      batchOf(QUOTE, [quote(1, 1, 'A'), quote(2, 2, 'B'), quote(3, 3, 'D')], dictionaries, { pool }),
    ]);
    expect(first).toEqual([]);
    expect(second[0]!.rows.map((row) => row.symbol)).toEqual(['B', 'D']);
  });
});

describe('null in a condition', () => {
  const cases: [string, boolean][] = [
    ['bid == bid', false],
    ['bid != bid', false],
    ['bid != 1', false],
    ['1 != bid', false],
    ['bid not in (1)', false],
    ['bid not between 1 and 2', false],
    ['bid + 1 != 2', false],
    ['bid * 0 <= 0', false],
    ['not (bid == 1)', true],
    ['bid is null', true],
    ['bid + 1 is null', true],
    ['0 / 0 is null', true],
    ["symbol != 'A'", false],
    ["symbol not in ('A')", false],
    ['symbol == venue', false],
    ['symbol != venue', false],
    ["coalesce(bid, 5) == 5 and if(symbol is null, 'x', 'y') == 'x'", true],
  ];
  it.each(cases)('%s is %s', (where, holds) => {
    const { dictionaries, context } = setUp();
    const operator = filterOperator.create({ where }, MIXED, context);
    expect(run(operator, [batchOf(MIXED, [{}], dictionaries)])).toHaveLength(holds ? 1 : 0);
  });
});

describe('precedence', () => {
  const cases: [string, number | boolean][] = [
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 4 - 3', 3],
    ['16 / 4 / 2', 2],
    ['7 % 4 * 2', 6],
    ['-2 - -3', 1],
    ['-(2 + 1) * 2', -6],
    ['-7 % 4', -3],
    ['true or true and false', true],
    ['not false and false', false],
    ['not 1 == 2', true],
    ['1 + 1 == 2 and 3 > 2', true],
    ['1 between 0 and 2 and false', false],
    ['NOT 1 IN (2) AND 1 IS NOT NULL', true],
    ['round(2.5) + round(-2.5) + round(0.49999999999999994)', 0],
    ['round(2.345678, 2)', 2.35],
    ['1 / 4', 0.25],
    ['1 / 0', Number.POSITIVE_INFINITY],
    ["if('it''s' == \"it's\", 1, 2)", 1],
    ['log(exp(1)) + log10(1000)', 4],
    ['.5e1', 5],
  ];
  it.each(cases)('%s is %s', (value, wanted) => {
    const { dictionaries, context } = setUp();
    const operator = deriveOperator.create({ columns: { value } }, QUOTE, context);
    const [out] = run(operator, [batchOf(QUOTE, [quote(1, 2)], dictionaries, { capacity: 8 })]);
    expect(out!.rows[0]!.value).toBe(wanted);
  });
});

describe('derive', () => {
  it('takes the type of a column from its expression', () => {
    const columns = {
      mid: '(bid + ask) / 2',
      wide: 'mid > 1',
      label: "if(wide, 'wide', symbol)",
      one: '1',
      copied: 'symbol',
      when: 'time',
    };
    const { output, problems } = plan(deriveOperator, { columns }, QUOTE);
    expect(problems).toEqual([]);
    expect(output.kind).toBe('quote');
    expect(output.columns.slice(5)).toEqual([
      { name: 'mid', type: 'float64', nullable: true },
      { name: 'wide', type: 'boolean' },
      { name: 'label', type: 'string', nullable: true },
      { name: 'one', type: 'float64' },
      { name: 'copied', type: 'string', dictionary: 'symbol' },
      { name: 'when', type: 'timestamp' },
    ]);
    const { dictionaries, context } = setUp();
    const operator = deriveOperator.create({ columns }, QUOTE, context);
    const [out] = run(operator, [batchOf(QUOTE, [quote(1, 2), quote(0, 1)], dictionaries, { capacity: 8 })]);
    expect(out!.rows).toEqual([
      { ...quote(1, 2), mid: 1.5, wide: true, label: 'wide', one: 1, copied: 'A', when: 1n },
      { ...quote(0, 1), mid: 0.5, wide: false, label: 'A', one: 1, copied: 'A', when: 0n },
    ]);
  });

  it('replaces a column in its place, from its old values, and is seen by later expressions', () => {
    const { pool, dictionaries, context } = setUp();
    const columns = { bid: 'bid * 10 + bid', ask: 'bid + 1' };
    const operator = deriveOperator.create({ columns }, QUOTE, context);
    const [out] = run(operator, [batchOf(QUOTE, [quote(1, 5)], dictionaries, { pool })]);
    expect(out!.schema.columns.map(({ name }) => name)).toEqual(QUOTE.columns.map(({ name }) => name));
    expect(out!.rows).toEqual([{ ...quote(1, 5), time: 1n, bid: 11, ask: 12 }]);
    expect(pool.outstanding).toBe(0);
  });

  it('is no longer of its kind when a standard column changes its type', () => {
    expect(plan(deriveOperator, { columns: { bid: 'bid > 0' } }, QUOTE).output.kind).toBe('custom');
    expect(plan(deriveOperator, { columns: { bid: 'bid + 1' } }, QUOTE).output.kind).toBe('quote');
  });

  it('names all mistakes at once, and none twice', () => {
    const columns = {
      mid: '(bdi + ask) / 2',
      half: 'mid / 2',
      bad: { value: 'bid > 0', type: 'float64' as const },
    };
    const { problems, output } = plan(deriveOperator, { columns }, QUOTE);
    expect(problems.map((problem) => problem.split(/[;(]/)[0]!.trim())).toEqual([
      'columns.mid: unknown column "bdi"',
      'columns.bad.value: expected an expression of type float64, found one of type boolean',
    ]);
    expect(output.columns.map(({ name }) => name)).toContain('half');
  });

  it('widens whole numbers and spells out enums when told to', () => {
    const { dictionaries, context } = setUp();
    const columns = {
      id: { value: 'id', type: 'float64' as const },
      side: { value: 'side', type: 'string' as const },
    };
    const operator = deriveOperator.create({ columns }, MIXED, context);
    const given = [{ id: -(2n ** 40n), side: 'sell' }, { id: 3n }];
    const [out] = run(operator, [batchOf(MIXED, given, dictionaries, { capacity: 8 })]);
    expect(out!.rows.map(({ id, side }) => [id, side])).toEqual([
      [-(2 ** 40), 'sell'],
      [3, 'unknown'],
    ]);
  });

  it('hands the other columns on without a copy', () => {
    const { pool, dictionaries, context } = setUp();
    const operator = deriveOperator.create({ columns: { mid: '(bid + ask) / 2' } }, QUOTE, context);
    const batch = batchOf(QUOTE, [quote(1, 2)], dictionaries, { pool });
    const before = [...batch.columns];
    operator.process(batch, (out) => {
      expect(out.columns.slice(0, 5).every((column, i) => column === before[i])).toBe(true);
      out.release();
    });
    expect(pool.outstanding).toBe(0);
  });

  it('takes batches of other capacities than its own', () => {
    const { dictionaries, context } = setUp();
    const operator = deriveOperator.create({ columns: { mid: '(bid + ask) / 2' } }, QUOTE, context);
    for (const capacity of [8, 3, 100, 8, 5, 6, 7, 9, 3]) {
      const given = Array.from({ length: capacity }, (_, i) => quote(i, i));
      const [out] = run(operator, [batchOf(QUOTE, given, dictionaries, { capacity })]);
      expect(out!.rows.map((row) => row.mid)).toEqual(given.map((row) => row.bid));
    }
  });

  it('treats names from the depths of JavaScript as any other', () => {
    const columns = JSON.parse('{"constructor": "bid", "toString": "`constructor` + 1"}') as Record<
      string,
      string
    >;
    const parsed = DeriveOptions.parse({ columns });
    const { dictionaries, context } = setUp();
    const operator = deriveOperator.create(parsed, QUOTE, context);
    const [out] = run(operator, [batchOf(QUOTE, [quote(1, 2)], dictionaries, { capacity: 8 })]);
    expect(out!.rows[0]).toMatchObject({ constructor: 1, toString: 2 });
    DeriveOptions.safeParse(JSON.parse('{"columns": {"__proto__": "bid", "mid": "bid"}}'));
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe('select', () => {
  it('keeps columns in the order given, and the kind while what it needs is there', () => {
    const kept = plan(selectOperator, { columns: ['ask', 'bid', 'symbol', 'time'] }, QUOTE);
    expect(kept.output).toEqual({ kind: 'quote', columns: [3, 2, 1, 0].map((i) => QUOTE.columns[i]) });
    expect(plan(selectOperator, { columns: ['time', 'bid'] }, QUOTE).output.kind).toBe('custom');
    expect(plan(selectOperator, { drop: ['bidSize'] }, QUOTE).output.kind).toBe('quote');
  });

  it('renames, and copies a column that is wanted twice', () => {
    const { pool, dictionaries, context } = setUp();
    const operator = selectOperator.create(
      { columns: { price: 'bid', name: 'symbol', bid: 'bid' } },
      QUOTE,
      context,
    );
    const out = run(operator, [
      batchOf(QUOTE, [quote(1, 2, 'X'), quote(3, 4, 'Y')], dictionaries, { pool }),
      batchOf(QUOTE, [quote(5, 6, 'X')], dictionaries, { pool }),
    ]);
    expect(out.flatMap(({ rows }) => rows)).toEqual([
      { price: 1, name: 'X', bid: 1 },
      { price: 3, name: 'Y', bid: 3 },
      { price: 5, name: 'X', bid: 5 },
    ]);
    expect(pool.outstanding).toBe(0);
  });

  it('names every unknown and doubled column', () => {
    expect(plan(selectOperator, { columns: ['bid', 'asq', 'bid'] }, QUOTE).problems).toEqual([
      'columns.1: expected the name of a column, found "asq"; did you mean "ask"? (there are: time, symbol, bid, ask, bidSize)',
      'columns.2: expected each column once, found "bid" again',
    ]);
    expect(
      plan(selectOperator, { drop: ['time', 'symbol', 'bid', 'ask', 'bidSize', 'x'] }, QUOTE).problems,
    ).toEqual([
      'drop.5: expected the name of a column, found "x"; there are: time, symbol, bid, ask, bidSize',
      'drop: expected at least one column to remain, found that all are dropped',
    ]);
  });
});

describe('a filter', () => {
  it('leaves rows where they are while half or more go on, and moves them together below that', () => {
    const { dictionaries, context } = setUp();
    const operator = filterOperator.create({ where: 'bid > 0' }, QUOTE, context);
    const placesAfter = (bids: readonly number[]) => {
      const emitted: (number[] | undefined)[] = [];
      const batch = batchOf(
        QUOTE,
        bids.map((bid) => quote(bid, bid)),
        dictionaries,
      );
      operator.process(batch, (out) =>
        emitted.push(out.selection && [...out.selection.subarray(0, out.length)]),
      );
      return emitted;
    };
    expect(placesAfter([1, 0, 0, 1])).toEqual([[0, 3]]);
    expect(placesAfter([0, 0, 0, 1])).toEqual([undefined]);
    expect(placesAfter([1, 1, 1, 1])).toEqual([undefined]);
    expect(placesAfter([0, 0])).toEqual([]);
  });
});

describe('operators over columns', () => {
  const controls = fc.array(fc.nat(12), { maxLength: 5 }).map((selection) => selection.sort((a, b) => a - b));
  const bids = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 12 });

  it('keep control records in their place among the rows that are left', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(bids, controls), { minLength: 1, maxLength: 4 }), (batches) => {
        const dictionaries = new DictionarySet();
        const context = stageContext({ dictionaries, batchRows: 12 });
        const pool = new BatchPool(QUOTE, 12, dictionaries);
        const filter = filterOperator.create({ where: 'bid >= 5' }, QUOTE, context);
        const derive = deriveOperator.create({ columns: { mid: 'bid + 1' } }, filter.output, context);
        const select = selectOperator.create({ columns: ['mid'] }, derive.output, context);
        const found: unknown[] = [];
        const wanted: unknown[] = [];
        batches.forEach(([values, selection], n) => {
          const placed = selection.map((place, i) => ({
            row: Math.min(place, values.length),
            record: resetAt(n * 100 + i),
          }));
          for (let row = 0; row <= values.length; row++) {
            wanted.push(...placed.filter((control) => control.row === row).map(({ record }) => record));
            if (values[row]! >= 5) wanted.push({ mid: values[row]! + 1 });
          }
          const batch = batchOf(
            QUOTE,
            values.map((bid) => quote(bid, bid)),
            dictionaries,
            { pool, controls: placed },
          );
          through([filter, derive, select], batch, found);
        });
        expect(found).toEqual(wanted);
        expect(pool.outstanding).toBe(0);
      }),
    );
  });

  function through(
    operators: readonly Operator[],
    batch: Parameters<Operator['process']>[0],
    found: unknown[],
  ): void {
    const [first, ...rest] = operators;
    if (!first?.takesSelections) packRows(batch); // as the chain of operators does
    if (first) first.process(batch, (out) => through(rest, out, found));
    else {
      expect(batch.isEmpty).toBe(false);
      found.push(...streamOf([batch]));
    }
  }
});

describe('options', () => {
  it.each([
    [FilterOptions, {}, 'expected a condition as text'],
    [FilterOptions, { where: 1 }, 'expected a condition as text'],
    [DeriveOptions, { columns: {} }, 'expected new columns by name'],
    [DeriveOptions, { columns: { a: 1 } }, 'expected an expression as text'],
    [SelectOptions, {}, 'expected either "columns" or "drop"'],
    [SelectOptions, { columns: ['a'], drop: ['b'] }, 'expected either "columns" or "drop"'],
    [SelectOptions, { columns: [] }, 'expected a list of column names'],
    [ModuleOptions, {}, 'expected the path of a JavaScript module'],
    [ModuleOptions, { path: 'x', loads: 'wasn' }, 'expected one of javascript, wasm, native'],
  ])('of the wrong shape are refused in words', (schema, options, message) => {
    const result = schema.safeParse(options);
    expect(result.error?.issues.map((issue) => issue.message).join()).toContain(message);
  });
});
