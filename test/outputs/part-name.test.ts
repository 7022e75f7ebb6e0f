import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded, isPart, parsePartName, partName } from '../../src/outputs/parts/part-name.js';

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const job = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const place = fc.record({
  run: fc.stringMatching(/^[a-z2-7]{10}$/),
  epoch: fc.nat(),
  sequence: fc.nat(),
});

describe('the name of a part', () => {
  it('is read back in folders of any columns and values', () => {
    const folders = fc.array(fc.tuple(text, fc.string({ unit: 'binary' })), { maxLength: 3 });
    fc.assert(
      fc.property(folders, job, place, fc.constantFrom('parquet', 'csv.gz'), (keys, of, at, extension) => {
        const parts = keys.map(([column, value]) => `${coded(column)}=${coded(value)}`);
        const name = [...parts, partName(of, at, extension)].join('/');
        expect(name.split('/')).toHaveLength(keys.length + 1);
        expect(parsePartName(name)).toEqual(at);
      }),
    );
  });

  it('leads nowhere else', () => {
    const part = partName('job', { run: 'abcdefghij', epoch: 1, sequence: 1 }, 'csv');
    expect(isPart(`a=1/${part}`)).toBe(true);
    for (const folder of ['..', '.', '', 'a', '=1', 'a=1/..', 'a=..\\', 'a=%2', 'a=1\n']) {
      expect([folder, isPart(`${folder}/${part}`)]).toEqual([folder, false]);
    }
  });

  it('tells columns and values apart that are not the same', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const isSame = Buffer.from(a).equals(Buffer.from(b));
        expect(coded(a) === coded(b)).toBe(isSame);
      }),
    );
  });
});
