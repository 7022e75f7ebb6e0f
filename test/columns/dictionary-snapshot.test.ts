import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { snapshotOf, stringsIn } from '../../src/columns/dictionary-snapshot.js';

describe('a snapshot of dictionaries', () => {
  it('stays as it was while they grow, whenever it is read', () => {
    const dictionaries = new DictionarySet();
    for (const name of ['symbol', '__proto__']) dictionaries.get(name).idOf('A');
    const read = dictionaries.snapshot();
    const early = read.symbol;
    const late = dictionaries.snapshot();
    for (const string of ['B', 'C']) dictionaries.get('symbol').idOf(string);
    dictionaries.get('venue').idOf('X');
    for (const snapshot of [read, late]) {
      expect(Object.entries(snapshot)).toEqual([
        ['symbol', ['A']],
        ['__proto__', ['A']],
      ]);
      expect(JSON.stringify(snapshot)).toBe('{"symbol":["A"],"__proto__":["A"]}');
      expect(structuredClone(snapshot).symbol).toEqual(['A']);
    }
    expect(read.symbol).toBe(early);
    const { values, length } = stringsIn(late).get('symbol')!;
    expect(values.slice(0, length)).toEqual(['A']);
  });

  it('copies no list until it is read', () => {
    let reads = 0;
    const values = Object.assign(['A', 'B'], {
      slice: (...of: [number, number]) => {
        reads++;
        return ['A', 'B'].slice(...of);
      },
    });
    const snapshot = snapshotOf([{ name: 'symbol', values }]);
    expect(stringsIn(snapshot).get('symbol')!.length).toBe(2);
    expect(reads).toBe(0);
    expect(snapshot.symbol).toEqual(['A', 'B']);
    expect(snapshot.symbol).toEqual(['A', 'B']);
    expect(reads).toBe(1);
  });

  it('gives the strings of a copy of one, too', () => {
    const copy = { symbol: ['A', 'B'], venue: [] };
    expect([...stringsIn(copy)]).toEqual([
      ['symbol', { values: ['A', 'B'], length: 2 }],
      ['venue', { values: [], length: 0 }],
    ]);
  });
});
