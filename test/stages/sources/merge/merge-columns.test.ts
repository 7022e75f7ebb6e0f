import { describe, expect, it } from 'vitest';
import type { Column, Schema } from '../../../../src/columns/schema.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { mergedSchema } from '../../../../src/stages/sources/merge/merged-schema.js';
import { collectProblems } from '../../../support/stage-context.js';
import { ROWS } from './merge-rig.js';

const columnsOf = (...columns: Column[]): Schema => ({ kind: 'custom', columns });
const TIME: Column = { name: 'time', type: 'timestamp' };
const PRICE: Column = { name: 'price', type: 'float64' };

function problemsOf(...schemas: Schema[]): string[] {
  const problems = collectProblems();
  mergedSchema(Object.fromEntries(schemas.map((schema, i) => [`sources[${i}]`, schema])), problems);
  return problems.found;
}

describe('columns of merged sources', () => {
  it('are those of all, and nullable where they are in any', () => {
    const inputs = { a: columnsOf(TIME, PRICE), b: columnsOf(TIME, { ...PRICE, nullable: true }) };
    expect(mergedSchema(inputs)).toEqual(columnsOf(TIME, { ...PRICE, nullable: true }));
  });

  it('keep their kind if it is that of all', () => {
    expect(mergedSchema({ a: ROWS, b: ROWS })).toEqual(ROWS);
    expect(mergedSchema({ a: ROWS, b: { ...ROWS, kind: 'custom' } })?.kind).toBe('custom');
  });

  it('must have the same names, types and dictionaries in the same order', () => {
    const advice = 'add `select` or `derive` to the "operators" of one of them';
    expect(problemsOf(columnsOf(TIME, PRICE), columnsOf(TIME))).toEqual([
      `sources.1: expected a column "price", as sources[0] has one (there are: time): ${advice}`,
    ]);
    expect(problemsOf(columnsOf(TIME), columnsOf(TIME), columnsOf(TIME, PRICE))).toEqual([
      `sources.2: found a column "price" that sources[0] does not have (it has: time): ${advice}`,
    ]);
    expect(problemsOf(columnsOf(TIME, PRICE), columnsOf(TIME, { name: 'price', type: 'int64' }))).toEqual([
      `sources.1: expected column "price" to be a float64, as it is in sources[0], found a int64: ${advice}`,
    ]);
    const venue: Column = { name: 'venue', type: 'string' };
    expect(problemsOf(columnsOf(TIME, venue), columnsOf(TIME, { ...venue, dictionary: 'symbol' }))).toEqual([
      'sources.1: expected column "venue" to be a string, as it is in sources[0], found a string of dictionary ' +
        `"symbol": ${advice}`,
    ]);
    expect(problemsOf(columnsOf(TIME, PRICE), columnsOf(PRICE, TIME))).toEqual([
      'sources.1: expected the columns in the order of sources[0] (time, price), found price, time: add ' +
        '`{ use: select, columns: [time, price] }` to its "operators"',
    ]);
  });

  it('must have a time', () => {
    expect(problemsOf(columnsOf(PRICE))).toEqual([
      'sources.0: expected rows with a timestamp column "time", which they are merged by, found none: make one with ' +
        '"operators" of this source',
    ]);
  });

  it('are told with the path of the source in a spec', async () => {
    const spec = {
      name: 'merged',
      source: {
        use: 'merge',
        sources: [
          { use: 'synthetic', rows: 1, kind: 'trade' },
          { use: 'synthetic', rows: 1, kind: 'quote' },
        ],
      },
      sink: { use: 'null' },
    };
    await expect(createPipeline(uncheckedSpec(spec)).run()).rejects.toThrow(
      'source.sources[1]: expected a column "price", as sources[0] has one',
    );
    const none = { ...spec, source: { use: 'merge', sources: [] } };
    await expect(createPipeline(uncheckedSpec(none)).run()).rejects.toThrow(
      'source.sources: expected a list of 1 to 64 sources',
    );
  });
});
