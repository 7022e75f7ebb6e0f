import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { deriveOperator } from '../../src/stages/operators/derive/derive.js';
import { filterOperator } from '../../src/stages/operators/filter/filter.js';
import { batchOf, MIXED, run } from '../stages/operators/operator-rig.js';
import { stageContext } from '../support/stage-context.js';
import { booleanSample, mixedRow, numberSample, stringSample } from './expression-arbitrary.js';

// Lengths on both sides of the kernels' strides of 4 and 8.
const rows = fc.array(mixedRow, { minLength: 1, maxLength: 21 });

describe('a compiled expression', () => {
  it('gives the numbers that a plain evaluation of each row gives, to the bit', () => {
    fc.assert(
      fc.property(numberSample, rows, rows, (sample, first, second) => {
        const dictionaries = new DictionarySet();
        const operator = deriveOperator.create(
          { columns: { value: sample.text } },
          MIXED,
          stageContext({ dictionaries }),
        );
        // Two batches: nothing of the first may be left in the scratch memory.
        const out = run(operator, [
          batchOf(MIXED, first, dictionaries),
          batchOf(MIXED, second, dictionaries),
        ]);
        const found = out.flatMap((batch) => batch.rows.map((row) => row.value));
        const wanted = [...first, ...second].map((row) => sample.of(row));
        for (const [i, value] of wanted.entries()) {
          if (!Object.is(asNumber(found[i]), value))
            expect.fail(`${sample.text} row ${i}: ${String(found[i])} is not ${value}`);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('keeps exactly the rows that Array.filter keeps by a plain evaluation', () => {
    fc.assert(
      fc.property(booleanSample, rows, rows, (sample, first, second) => {
        const dictionaries = new DictionarySet();
        const operator = filterOperator.create({ where: sample.text }, MIXED, stageContext({ dictionaries }));
        const out = run(operator, [
          batchOf(MIXED, first, dictionaries),
          batchOf(MIXED, second, dictionaries),
        ]);
        const wanted = [...first, ...second].filter((row) => sample.of(row));
        expect(out.flatMap((batch) => batch.rows)).toEqual(wanted.map((row) => ({ ...row })));
        expect(operator.tally?.()).toEqual({ filtered: first.length + second.length - wanted.length });
      }),
      { numRuns: 600 },
    );
  });

  it('gives conditions and strings as columns, whatever dictionary they come from', () => {
    fc.assert(
      fc.property(booleanSample, stringSample, rows, (condition, string, given) => {
        const dictionaries = new DictionarySet();
        const columns = { holds: condition.text, name: { value: string.text, type: 'string' as const } };
        const operator = deriveOperator.create({ columns }, MIXED, stageContext({ dictionaries }));
        const [out] = run(operator, [batchOf(MIXED, given, dictionaries)]);
        expect(out!.rows.map((row) => [row.holds, row.name])).toEqual(
          given.map((row) => [condition.of(row), string.of(row)]),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('works on a batch that is larger than the ones it was made for', () => {
    const dictionaries = new DictionarySet();
    const operator = filterOperator.create(
      { where: 'bid + 1 > 2 and (symbol == venue or count * 2 > 10)' },
      MIXED,
      stageContext({ dictionaries, batchRows: 4 }),
    );
    const many = Array.from({ length: 50 }, (_, count) => ({ bid: count, count, symbol: 'A', venue: 'B' }));
    const [out] = run(operator, [batchOf(MIXED, many, dictionaries)]);
    expect(out!.rows.map((row) => row.count)).toEqual(many.slice(6).map((row) => row.count));
  });
});

function asNumber(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
