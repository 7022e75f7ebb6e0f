import { describe, expect, it } from 'vitest';
import { specProblems } from '../support/spec-problems.js';

const BARS = { use: 'bars', every: '1m', price: 'bid' };
const branch = (...operators: object[]) => ({ use: 'null', operators });

/** The problems of a spec with this batcher and these branches. */
const problemsOf = (batcher: object, ...branches: object[]) =>
  specProblems({
    name: 'keyed',
    source: { use: 'synthetic', rows: 10 },
    operators: [{ use: 'derive', columns: { cheap: 'bid < 100' } }],
    batcher,
    sink: { use: 'tee', branches },
  });

describe('a key of a batcher before branches', () => {
  it('is refused with advice where it would bring rows of a symbol out of order for bars behind it', async () => {
    expect(await problemsOf({ key: 'cheap' }, branch(), branch(BARS))).toEqual([
      'batcher.key: expected "symbol", or no key, found "cheap": rows of a symbol would come to ' +
        'sink.branches[1].operators[0] ("bars") out of order, and be late; give the key to the batchers of the branches',
    ]);
    const inner = { use: 'tee', branches: [branch(BARS)], batcher: { key: 'cheap' } };
    expect(await problemsOf({}, inner)).toEqual([
      expect.stringContaining('sink.branches.0.batcher.key: expected "symbol", or no key, found "cheap"'),
    ]);
    const deep = { use: 'tee', branches: [{ use: 'tee', branches: [branch(), branch(BARS)] }] };
    expect(await problemsOf({ key: 'cheap' }, deep)).toEqual([
      expect.stringContaining('come to sink.branches[0].branches[0].branches[1].operators[0] ("bars")'),
    ]);
  });

  it('is fine where no operator behind it goes by time, and where it keeps each symbol in order', async () => {
    expect(await problemsOf({ key: 'cheap' }, branch({ use: 'filter', where: 'bid > 1' }))).toEqual([]);
    expect(await problemsOf({ key: 'symbol' }, branch(BARS))).toEqual([]);
    expect(await problemsOf({}, { ...branch(BARS), batcher: { key: 'symbol' } })).toEqual([]);
    expect(await problemsOf({}, { ...branch(), batcher: { key: 'cheap' } }, branch(BARS))).toEqual([]);
  });
});
