import { describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import { TextColumn, type TextDialect } from '../../../src/formats/text/text-column.js';

const SYMBOL = { name: 'symbol', type: 'string' } as const;
const SCHEMA: Schema = { kind: 'custom', columns: [SYMBOL] };
/** Of the ids whose texts are kept. */
const LAST_KEPT = 65_535;

/** Writes rows of given ids, and tells which texts it encodes. */
function textColumn() {
  const encoded: string[] = [];
  const dialect: TextDialect = {
    timeFormat: 'iso',
    before: () => Buffer.from(','),
    text: (value) => {
      encoded.push(value);
      return Buffer.from(`<${value}>`);
    },
    nullText: '',
    nonFinite: String,
  };
  const column = new TextColumn(SYMBOL, 0, dialect);
  const write = (dictionaries: DictionarySet, ids: readonly number[]): string => {
    const batch = new Batch(SCHEMA, ids.length, dictionaries);
    batch.int32('symbol').set(ids);
    batch.length = ids.length;
    column.over(batch, batch.int32('symbol'));
    let text = '';
    for (let row = 0; row < ids.length; row++) {
      const bytes = new Uint8Array(column.bytesMax(row));
      text += Buffer.from(bytes.subarray(0, column.write(bytes, 0, row))).toString();
    }
    return text;
  };
  return { encoded, write };
}

function dictionaryOf(strings: number, prefix = 'S'): DictionarySet {
  const dictionaries = new DictionarySet();
  const dictionary = dictionaries.get('symbol');
  for (let i = 0; i < strings; i++) dictionary.idOf(`${prefix}${i}`);
  return dictionaries;
}

describe('a column of texts', () => {
  it('keeps the texts of as many strings as its bound, and of those behind it the last one', () => {
    const { encoded, write } = textColumn();
    const dictionaries = dictionaryOf(LAST_KEPT + 3);
    const [kept, first, second] = [LAST_KEPT, LAST_KEPT + 1, LAST_KEPT + 2];
    const ids = [kept, first, kept, first, first, second, first, -1, kept, first];
    const expected = ids.map((id) => (id < 0 ? ',' : `,<S${id}>`)).join('');
    expect(write(dictionaries, ids)).toBe(expected);
    // Each row asks twice, for its room and for its bytes.
    expect(encoded).toEqual([kept, first, second, first].map((id) => `S${id}`));
    encoded.length = 0;
    expect(write(dictionaries, ids)).toBe(expected);
    expect(encoded).toEqual([second, first].map((id) => `S${id}`));
  });

  it('gives those of another dictionary, kept or not', () => {
    const { write } = textColumn();
    const ids = [0, LAST_KEPT + 1];
    expect(write(dictionaryOf(LAST_KEPT + 2), ids)).toBe(`,<S0>,<S${LAST_KEPT + 1}>`);
    expect(write(dictionaryOf(LAST_KEPT + 2, 'T'), ids)).toBe(`,<T0>,<T${LAST_KEPT + 1}>`);
  });
});
