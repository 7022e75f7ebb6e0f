import { describe, expect, it } from 'vitest';
import type { Row } from '../../../../src/columns/row-view.js';
import { batchOf } from '../../../support/batch-rows.js';
import { contextWithIds, type Options, openBars, trade, trades } from './bars-rig.js';

/** Gives the rows as one batch. @returns The places that were asked for. */
function placesAsked(rows: readonly Row[], scope: 'all' | 'symbol', options: Options = {}): number[] {
  const context = contextWithIds({ stream: { order: { scope, maxDelayNs: 0 }, bounded: true } });
  const { operator } = openBars(options, context);
  const batch = batchOf(trades, context.dictionaries, rows);
  const asked: number[] = [];
  batch.origin = {
    at(place) {
      asked.push(place);
      return { file: 'a.csv', line: place + 2 };
    },
  };
  void operator.process(batch, (made) => made.release());
  return asked;
}

describe('where rows were read', () => {
  it('is not asked where all symbols share their windows and no row is late', () => {
    expect(placesAsked([trade(0), trade(1), trade(2)], 'all')).toEqual([]);
  });

  it('is asked at once where each symbol has windows of its own, so that none keeps its last batch', () => {
    expect(placesAsked([trade(0), trade(0, 1, 1, 'B'), trade(1), trade(9, 1, 1, 'B')], 'symbol')).toEqual([
      0, 1, 2, 3,
    ]);
  });

  it('is asked of the late rows that a warning names, and of no others', () => {
    const rows = [trade(0), trade(9), ...Array.from({ length: 50 }, (_, i) => trade(i / 10))];
    expect(placesAsked(rows, 'all', { late: 'drop' })).toEqual([1, 2]);
  });
});
