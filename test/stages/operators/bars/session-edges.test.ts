import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import type { CalendarData } from '../../../../src/calendars/calendar-data.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import { nanos } from '../../../../src/core/units.js';
import type { Options } from './bars-rig.js';
import { barsIn, barsOf, missing, ns, opened, TOKYO, trade, watermark, XNYS } from './session-rig.js';

beforeAll(async () => {
  await tradingCalendar('XNYS');
});

const streamIn = (scope: string, maxDelayNs = 0) => ({
  stream: { order: { scope, maxDelayNs }, bounded: true },
});
const SCOPES = ['all', 'symbol'];

/** Tokyo with other hours. */
const hoursOf = (sessions: CalendarData['hours'][number]['sessions']) => ({
  calendars: { 'tokyo.yaml': { ...TOKYO, hours: [{ from: '2024-01-01', sessions }] } },
});
const IN_TOKYO: Options = { every: 'session', calendar: 'tokyo.yaml' };

describe.each(SCOPES)('the first session of a stream, of rows in order by %s,', (scope) => {
  const END = watermark('2024-11-27T00:00:00Z');
  const first = trade('2024-11-26T14:30:05Z');

  it('is complete where a row came before the open', async () => {
    const items = [trade('2024-11-26T13:00:00Z'), first, END];
    expect(barsIn(await barsOf(items, XNYS, streamIn(scope)))).toEqual(['11-26T14:30 A 1 complete']);
  });

  it('is complete where a watermark of all symbols came before the open', async () => {
    const items = [watermark('2024-11-26T13:00:00Z'), first, END];
    expect(barsIn(await barsOf(items, XNYS, streamIn(scope)))).toEqual(['11-26T14:30 A 1 complete']);
    const delayed = streamIn(scope, 2 * 3_600_000_000_000);
    expect(barsIn(await barsOf(items, XNYS, delayed))).toEqual(['11-26T14:30 A 1 partial']);
  });

  it('is partial where a row came in a session before, or in its break', async () => {
    const items = [
      trade('2024-11-29T03:00:00Z'),
      trade('2024-11-29T04:00:00Z'),
      watermark('2024-11-30T00:00:00Z'),
    ];
    const made = barsIn(
      await barsOf(items, IN_TOKYO, { ...streamIn(scope), calendars: { 'tokyo.yaml': TOKYO } }),
    );
    expect(made).toEqual(['11-29T00:00 A 1 partial']);
  });

  it('is partial where the stream began in it, whatever comes later', async () => {
    const items = [first, watermark('2024-11-26T22:00:00Z'), trade('2024-11-27T15:00:00Z'), END];
    expect(barsIn(await barsOf(items, { ...XNYS, late: 'drop' }, streamIn(scope)))[0]).toBe(
      '11-26T14:30 A 1 partial',
    );
  });

  it('stays so over a checkpoint', async () => {
    const before = await opened(XNYS, streamIn(scope));
    void before.process([trade('2024-11-26T13:00:00Z')]);
    const after = await opened(XNYS, { ...streamIn(scope), dictionaries: before.context.dictionaries });
    after.operator.restore!(JSON.parse(JSON.stringify(before.operator.snapshot!())));
    void after.process([first, END]);
    expect(barsIn(after.emitted())).toEqual(['11-26T14:30 A 1 complete']);
  });
});

describe('the last session of a stream', () => {
  const both = (iso: string) => [trade(iso, 100, 'A'), trade(iso, 100, 'B')];

  it('is complete for all symbols where a row of one came after the close', async () => {
    const items = [...both('2024-11-26T14:30:00Z'), trade('2024-11-26T22:00:00Z')];
    expect(barsIn(await barsOf(items, XNYS, streamIn('symbol')))).toEqual([
      '11-26T14:30 A 1 complete',
      '11-26T14:30 B 1 complete',
    ]);
  });

  it.each(SCOPES)('is complete where the bar still waits for rows, in order by %s', async (scope) => {
    const items = (after: string) => [...both('2024-11-26T14:30:00Z'), trade(after)];
    const delayed = streamIn(scope, 5_000_000_000);
    const complete = ['11-26T14:30 A 1 complete', '11-26T14:30 B 1 complete'];
    expect(barsIn(await barsOf(items('2024-11-26T21:00:01Z'), XNYS, delayed))).toEqual(complete);
    const patient: Options = { ...XNYS, lateness: '1h' };
    expect(barsIn(await barsOf(items('2024-11-26T21:30:00Z'), patient, streamIn(scope)))).toEqual(complete);
  });

  it.each(SCOPES)('is partial where the last row is in its break, in order by %s', async (scope) => {
    const items = [trade('2024-11-29T00:00:00Z'), trade('2024-11-29T03:00:00Z')];
    const context = { ...streamIn(scope), calendars: { 'tokyo.yaml': TOKYO } };
    expect(barsIn(await barsOf(items, IN_TOKYO, context))).toEqual(['11-29T00:00 A 1 partial']);
    const hours: Options = { ...IN_TOKYO, every: '1h' };
    expect(barsIn(await barsOf(items, hours, context))).toEqual(['11-29T00:00 A 1 complete']);
  });

  it.each(SCOPES)('stays complete over a checkpoint, in order by %s', async (scope) => {
    const patient: Options = { ...XNYS, lateness: '1h' };
    const before = await opened(patient, streamIn(scope));
    void before.process([...both('2024-11-26T14:30:00Z'), trade('2024-11-26T21:30:00Z')]);
    const after = await opened(patient, { ...streamIn(scope), dictionaries: before.context.dictionaries });
    after.operator.restore!(JSON.parse(JSON.stringify(before.operator.snapshot!())));
    after.flush();
    expect(barsIn(after.emitted())).toEqual(['11-26T14:30 A 1 complete', '11-26T14:30 B 1 complete']);
  });
});

describe('a session that begins or ends with hours that are not known', () => {
  const regular = { days: 'mon-fri', from: '09:00', to: '12:00' };
  const items = [
    trade('2024-11-29T00:00:00Z'),
    trade('2024-11-29T04:00:00Z'),
    watermark('2024-11-30T00:00:00Z'),
  ];
  const END = { days: 'mon-fri', from: '12:00', to: '16:00', kind: 'unknown' as const };
  const BEGIN = { days: 'mon-fri', from: '08:00', to: '09:00', kind: 'unknown' as const };

  it.each([
    ['ends', END],
    ['begins', BEGIN],
  ])('is partial where it %s so, whatever rows come', async (_, unknown) => {
    const calendars = hoursOf([regular, unknown]);
    const options: Options = { ...IN_TOKYO, unknown: 'drop' };
    expect(barsIn(await barsOf(items, options, calendars))).toEqual(['11-29T00:00 A 1 partial']);
    expect(barsIn(await barsOf([items[0]!, items[2]!], options, calendars))).toEqual([
      '11-29T00:00 A 1 partial',
    ]);
  });

  it('has complete bars of an hour in its known hours', async () => {
    const options: Options = { ...IN_TOKYO, every: '1h', unknown: 'drop' };
    expect(barsIn(await barsOf(items, options, hoursOf([regular, END])))).toEqual([
      '11-29T00:00 A 1 complete',
    ]);
  });
});

describe('a break in a session', () => {
  const context = { calendars: { 'tokyo.yaml': TOKYO } };
  const reset = (iso: string): ControlRecord => ({ type: 'reset', at: nanos(ns(iso)), reason: 'test' });
  const day = (...records: readonly ControlRecord[]) => [
    trade('2024-11-29T00:00:00Z'),
    ...records,
    trade('2024-11-29T04:00:00Z'),
    watermark('2024-11-30T00:00:00Z'),
  ];
  const markOf = async (...records: readonly ControlRecord[]) =>
    barsIn(await barsOf(day(...records), IN_TOKYO, context))[0]?.split(' ')[3];

  it('loses nothing to a gap or a reset that lies in it', async () => {
    expect(await markOf(missing('2024-11-29T02:30:00Z', '2024-11-29T03:30:00Z'))).toBe('complete');
    expect(await markOf(reset('2024-11-29T03:00:00Z'))).toBe('complete');
  });

  it('protects no session from what reaches out of it', async () => {
    expect(await markOf(missing('2024-11-29T02:29:00Z', '2024-11-29T03:30:00Z'))).toBe('gap');
    expect(await markOf(missing('2024-11-29T02:40:00Z', '2024-11-29T03:31:00Z'))).toBe('gap');
    expect(await markOf(reset('2024-11-29T02:00:00Z'))).toBe('partial');
  });
});
