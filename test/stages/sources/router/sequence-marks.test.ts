import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { Row, RowValue } from '../../../../src/columns/row-view.js';
import type { Schema } from '../../../../src/columns/schema.js';
import type { PlainData } from '../../../../src/core/plain-data.js';
import { SequenceMarks } from '../../../../src/stages/sources/router/sequence-marks.js';
import { batchOf } from '../../../support/batch-rows.js';

const TYPES = [
  ['int64', (n: number): RowValue => BigInt(n)],
  ['int32', (n: number): RowValue => n],
  ['float64', (n: number): RowValue => n],
] as const;

describe.each(TYPES)('marks of numbers that are %s', (type, numberOf) => {
  const schema: Schema = {
    kind: 'custom',
    columns: [
      { name: 'symbol', type: 'string' },
      { name: 'sequence', type, ...(type === 'float64' && { nullable: true }) },
    ],
  };
  const dictionaries = new DictionarySet();
  const batch = (...rows: [string, number][]) =>
    batchOf(
      schema,
      dictionaries,
      rows.map(([symbol, n]): Row => ({ symbol, sequence: numberOf(n) })),
    );
  const relation = (marks: SequenceMarks, symbol: string, n: number) => {
    const one = batch([symbol, n]);
    return marks.compare(one, 0, marks.slotOf(one, 0));
  };

  it('are of each symbol, also of very many', () => {
    const marks = new SequenceMarks(schema, 'symbol');
    marks.note(batch(['A', 5], ['B', 900], ['A', 6]));
    marks.note(batch(...Array.from({ length: 300 }, (_, i): [string, number] => [`S${i}`, i])));
    expect([5, 6, 7, 8].map((n) => relation(marks, 'A', n))).toEqual(['seen', 'seen', 'next', 'beyond']);
    expect(relation(marks, 'B', 901)).toBe('next');
    expect([99, 100, 101].map((n) => relation(marks, 'S100', n))).toEqual(['seen', 'seen', 'next']);
    const strange = batch(['Z', 1]);
    expect(marks.isSet(marks.slotOf(strange, 0))).toBe(false);
  });

  it('are of the stream', () => {
    const marks = new SequenceMarks(schema, 'stream');
    marks.note(batch(['A', 5], ['B', 6]));
    expect(['A', 'B', 'C'].map((symbol) => relation(marks, symbol, 6))).toEqual(['seen', 'seen', 'seen']);
    const later = batch(['C', 9]);
    expect(marks.between(later, 0, 0)).toBe('7 to 8');
    expect(marks.between(batch(['C', 8]), 0, 0)).toBe('7');
  });

  it('go back with numbers that begin anew', () => {
    const marks = new SequenceMarks(schema, 'stream');
    marks.note(batch(['A', 500]));
    marks.note(batch(['A', 3]));
    expect(relation(marks, 'A', 4)).toBe('next');
  });

  it('are kept in a checkpoint', () => {
    const marks = new SequenceMarks(schema, 'symbol');
    marks.note(batch(['A', 2_000_000_000], ['B', 0], ['C', -1]));
    const again = new SequenceMarks(schema, 'symbol');
    again.restore(JSON.parse(JSON.stringify(marks.snapshot())) as PlainData);
    expect(relation(again, 'A', 2_000_000_001)).toBe('next');
    expect(relation(again, 'B', 1)).toBe('next');
    expect(relation(again, 'C', 0)).toBe('next');
  });
});

describe('marks by symbol', () => {
  const numbered = fc.record({
    symbol: fc.oneof(fc.constant(null), fc.nat(150).map(String)),
    sequence: fc.oneof({ weight: 3, arbitrary: fc.nat(1_000) }, { weight: 1, arbitrary: fc.constant(null) }),
  });
  const few = fc.record({ symbol: fc.constantFrom('A', 'B', 'C'), sequence: fc.nat(1_000) });

  it.each(TYPES)('are those of the last rows of each symbol that have a number, of %s', (type, numberOf) => {
    const isNullable = type === 'float64';
    const schema: Schema = {
      kind: 'custom',
      columns: [
        { name: 'time', type: 'timestamp' },
        { name: 'symbol', type: 'string', nullable: true },
        { name: 'sequence', type, ...(isNullable && { nullable: true }) },
      ],
    };
    const batches = fc.array(fc.array(fc.oneof(numbered, few), { maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(batches, (given) => {
        const dictionaries = new DictionarySet();
        const marks = new SequenceMarks(schema, 'symbol');
        const expected = new Map<string | null, { number?: number; time?: bigint }>();
        let time = 0n;
        for (const rows of given) {
          const kept = isNullable ? rows : rows.filter(({ sequence }) => sequence !== null);
          const written = kept.map(({ symbol, sequence }): Row => {
            const last = { ...expected.get(symbol), time: ++time };
            expected.set(symbol, sequence === null ? last : { ...last, number: sequence });
            return { time, symbol, sequence: sequence === null ? null : numberOf(sequence) };
          });
          marks.note(batchOf(schema, dictionaries, written));
        }
        const symbols = dictionaries.get('symbol');
        for (const [symbol, { number, time }] of expected) {
          const slot = (symbol === null ? -1 : symbols.find(symbol)!) + 1;
          expect(marks.timeOf(slot)).toBe(time);
          expect(marks.isSet(slot)).toBe(number !== undefined);
          if (number === undefined) continue;
          const one = (n: number) =>
            batchOf(schema, dictionaries, [{ time: time ?? null, symbol, sequence: numberOf(n) }]);
          expect(marks.compare(one(number), 0, slot)).toBe('seen');
          expect(marks.compare(one(number + 1), 0, slot)).toBe('next');
        }
      }),
    );
  });
});

describe('marks', () => {
  it('take no notice of a number that is null', () => {
    const schema: Schema = {
      kind: 'custom',
      columns: [{ name: 'sequence', type: 'float64', nullable: true }],
    };
    const marks = new SequenceMarks(schema, 'stream');
    const dictionaries = new DictionarySet();
    marks.note(batchOf(schema, dictionaries, [{ sequence: 7 }]));
    const none = batchOf(schema, dictionaries, [{ sequence: null }]);
    expect(marks.compare(none, 0, 0)).toBe('next');
    marks.note(none);
    expect(marks.compare(batchOf(schema, dictionaries, [{ sequence: 7 }]), 0, 0)).toBe('seen');
  });

  it('hold 64 bits exactly', () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'sequence', type: 'int64' }] };
    const marks = new SequenceMarks(schema, 'stream');
    const dictionaries = new DictionarySet();
    const of = (n: bigint) => batchOf(schema, dictionaries, [{ sequence: n }]);
    for (const n of [2n ** 62n, 2n ** 32n - 1n, -(2n ** 40n)]) {
      marks.note(of(n));
      expect([n, n + 1n, n + 2n].map((one) => marks.compare(of(one), 0, 0))).toEqual([
        'seen',
        'next',
        'beyond',
      ]);
    }
  });
});
