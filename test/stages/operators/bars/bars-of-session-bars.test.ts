import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { barSchema } from '../../../../src/stages/operators/bars/bar-columns.js';
import { BarsOptions } from '../../../../src/stages/operators/bars/options.js';
import { specProblems } from '../../../support/spec-problems.js';
import { contextWithIds, type Options, openBars, trades } from './bars-rig.js';
import { barsIn, ns, TOKYO, watermark } from './session-rig.js';

beforeAll(async () => {
  await tradingCalendar('XNYS');
});

const bar = (iso: string): Row => ({
  time: ns(iso),
  symbol: 'A',
  open: 1,
  high: 1,
  low: 1,
  close: 1,
  volume: 1,
  vwap: 1,
  count: 1,
  mark: 'complete',
});
const every = (step: number, from: string, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => {
    const begin = new Date(Date.parse(from) + i * step * 60_000);
    return bar(begin.toISOString());
  });

/** Bars of bars: those of `options`, made of those that `from` makes. */
async function longer(
  items: readonly (Row | ReturnType<typeof watermark>)[],
  from: Options,
  options: Options,
) {
  const schema = barSchema(trades, BarsOptions.parse(from));
  const context = contextWithIds({ calendars: { 'tokyo.yaml': TOKYO } });
  const bars = openBars(options, context, schema);
  await bars.operator.open?.();
  void bars.process(items);
  bars.flush();
  return barsIn(bars.emitted());
}

describe('bars of bars and sessions', () => {
  const END = watermark('2024-11-28T00:00:00Z');
  const HOURS = [...every(60, '2024-11-26T14:00:00Z', 7), ...every(60, '2024-11-27T14:00:00Z', 7), END];

  it('are complete where shorter ones of the same calendar are their parts, the last one shorter', async () => {
    const items = [...every(60, '2024-11-26T14:30:00Z', 7), END];
    const from: Options = { every: '1h', calendar: 'XNYS' };
    expect(await longer(items, from, { every: 'session', calendar: 'XNYS' })).toEqual([
      '11-26T14:30 A 7 complete',
    ]);
    const twoHours = await longer(items, from, { every: '2h', calendar: 'XNYS' });
    expect(twoHours.map((made) => made.slice(6))).toEqual([
      '14:30 A 2 complete',
      '16:30 A 2 complete',
      '18:30 A 2 complete',
      '20:30 A 1 complete',
    ]);
  });

  it('are partial where bars that begin with a session reach over the hours since 1970', async () => {
    const items = [...every(60, '2024-11-26T14:30:00Z', 3), END];
    const made = await longer(items, { every: '1h', calendar: 'XNYS' }, { every: '1h' });
    expect(made.map((of) => of.slice(6))).toEqual([
      '14:00 A 1 partial',
      '15:00 A 1 partial',
      '16:00 A 1 partial',
    ]);
  });

  it('are partial where bars of hours since 1970 reach over the edge of a session', async () => {
    expect(await longer(HOURS, { every: '1h' }, { every: 'session', calendar: 'XNYS' })).toEqual([
      '11-26T14:30 A 6 partial',
      '11-27T14:30 A 6 partial',
    ]);
    const hours = await longer(HOURS, { every: '1h' }, { every: '1h', calendar: 'XNYS' });
    expect(hours).toHaveLength(12);
    expect(hours.every((of) => of.endsWith('partial'))).toBe(true);
  });

  it('are complete where bars of minutes since 1970 fit into a session', async () => {
    const items = [...every(30, '2024-11-26T14:00:00Z', 16), END];
    expect(await longer(items, { every: '30m' }, { every: 'session', calendar: 'XNYS' })).toEqual([
      '11-26T14:30 A 13 complete',
    ]);
  });

  it('are partial where a bar of the break at noon reaches into the afternoon', async () => {
    const items = [...every(60, '2024-11-29T00:00:00Z', 6), watermark('2024-11-30T00:00:00Z')];
    const options: Options = { every: 'session', calendar: 'tokyo.yaml' };
    expect(await longer(items, { every: '1h' }, options)).toEqual(['11-29T00:00 A 5 partial']);
  });

  const problemsOf = (first: object, second: object) =>
    specProblems({
      name: 'bars',
      source: { use: 'synthetic', kind: 'trade', rows: 1 },
      operators: [
        { use: 'bars', name: 'short', ...first },
        { use: 'bars', name: 'long', ...second },
      ],
      sink: { use: 'null' },
    });

  it('are refused of whole sessions, and of days where sessions are asked for', async () => {
    const session = { every: 'session', calendar: 'XNYS' };
    expect(await problemsOf(session, { every: '1d' })).toEqual([
      expect.stringContaining('expected bars of one length as input, found one for each session of "XNYS"'),
    ]);
    expect(await problemsOf({ every: '1d' }, session)).toEqual([
      expect.stringContaining('expected input bars shorter than a day, found bars of a day of UTC or more'),
    ]);
    expect(await problemsOf({ every: '1d' }, { every: 'session', calendar: '24/7' })).toEqual([]);
    expect(await problemsOf({ every: '7m', calendar: 'XNYS' }, { every: '1h', calendar: 'XNYS' })).toEqual([
      expect.stringContaining('expected a multiple of the length of the input bars'),
    ]);
  });
});
