import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import type { Item } from './bars-rig.js';
import { barsIn, barsOf, opened, stale, TOKYO, trade, watermark, XNYS } from './session-rig.js';

beforeAll(async () => {
  await tradingCalendar('XNYS');
});

const streamIn = (scope: string) => ({ stream: { order: { scope, maxDelayNs: 0 }, bounded: true } });

describe.each(['all', 'symbol'])('a silence of sessions, of rows in order by %s', (scope) => {
  const stream = streamIn(scope);
  const NEXT = [trade('2024-11-27T14:30:00Z'), watermark('2024-11-28T00:00:00Z')];

  it('marks the session that it is in, and ends with a row after the close', async () => {
    const items = [
      trade('2024-11-26T14:30:00Z'),
      stale('2024-11-26T20:00:00Z'),
      trade('2024-11-26T22:00:00Z'),
      ...NEXT,
    ];
    expect(barsIn(await barsOf(items, XNYS, stream))).toEqual([
      '11-26T14:30 A 1 gap',
      '11-27T14:30 A 1 complete',
    ]);
  });

  it('marks the sessions that it goes over, up to the last one before a row between two', async () => {
    const items = [
      trade('2024-11-25T14:30:00Z'),
      stale('2024-11-25T20:00:00Z'),
      trade('2024-11-27T01:00:00Z'),
      ...NEXT,
    ];
    expect(barsIn(await barsOf(items, XNYS, stream))).toEqual([
      '11-25T14:30 A 1 gap',
      '11-26T14:30 A 0 gap',
      '11-27T14:30 A 1 complete',
    ]);
  });

  it('marks none where it begins and ends between two', async () => {
    const items = [
      trade('2024-11-25T14:30:00Z'),
      trade('2024-11-25T21:30:00Z'),
      stale('2024-11-25T22:00:00Z'),
      trade('2024-11-25T23:00:00Z'),
      ...NEXT,
    ];
    expect(barsIn(await barsOf(items, XNYS, stream))).toEqual([
      '11-25T14:30 A 1 complete',
      '11-27T14:30 A 1 complete',
    ]);
  });

  it('does not end with a row before the open of the session that it is in', async () => {
    const items = [
      trade('2024-11-26T14:30:00Z'),
      trade('2024-11-27T14:30:00Z'),
      stale('2024-11-27T15:00:00Z'),
      trade('2024-11-27T14:00:00Z'),
      watermark('2024-11-28T00:00:00Z'),
    ];
    expect(barsIn(await barsOf(items, XNYS, stream)).at(-1)).toBe('11-27T14:30 A 1 gap');
  });

  it('of one symbol ends with a row of its own alone', async () => {
    const both = (iso: string) => [trade(iso, 100, 'A'), trade(iso, 100, 'B')];
    const silent = [...both('2024-11-26T14:30:00Z'), stale('2024-11-26T20:00:00Z', 'A')];
    const open = [...both('2024-11-27T14:30:00Z'), watermark('2024-11-28T00:00:00Z')];
    const marksOfA = async (rows: readonly Item[]) => {
      const bars = barsIn(await barsOf([...silent, ...rows, ...open], XNYS, stream));
      expect(bars.filter((bar) => bar.includes(' B ')).every((bar) => bar.endsWith('complete'))).toBe(true);
      return bars.filter((bar) => bar.includes(' A ')).map((bar) => bar.split(' ')[3]);
    };
    const [a, b] = both('2024-11-26T22:00:00Z') as [Item, Item];
    expect(await marksOfA([b])).toEqual(['gap', 'gap']);
    expect(await marksOfA([b, a])).toEqual(['gap', 'complete']);
  });

  it('ends with a row of hours that are not known', async () => {
    const unknown = { days: 'mon-fri', from: '16:00', to: '17:00', kind: 'unknown' as const };
    const [hours] = TOKYO.hours;
    const calendars = {
      'tokyo.yaml': { ...TOKYO, hours: [{ ...hours!, sessions: [...hours!.sessions, unknown] }] },
    };
    const items = [
      trade('2024-11-27T00:00:00Z'),
      stale('2024-11-27T05:00:00Z'),
      trade('2024-11-27T07:30:00Z'),
      trade('2024-11-28T00:00:00Z'),
      watermark('2024-11-28T12:00:00Z'),
    ];
    const options = { every: '1h', calendar: 'tokyo.yaml', unknown: 'drop' } as const;
    expect(barsIn(await barsOf(items, options, { ...stream, calendars }))).toEqual([
      '11-27T00:00 A 1 complete',
      '11-27T04:30 A 0 gap',
      '11-27T05:30 A 0 gap',
      '11-28T00:00 A 1 complete',
    ]);
  });

  it('that has ended stays so over a checkpoint', async () => {
    const first = await opened(XNYS, stream);
    void first.process([
      trade('2024-11-25T14:30:00Z'),
      trade('2024-11-25T21:30:00Z'),
      stale('2024-11-25T22:00:00Z'),
    ]);
    const second = await opened(XNYS, { ...stream, dictionaries: first.context.dictionaries });
    second.operator.restore!(JSON.parse(JSON.stringify(first.operator.snapshot!())));
    void second.process([trade('2024-11-25T23:00:00Z')]);
    const third = await opened(XNYS, { ...stream, dictionaries: first.context.dictionaries });
    third.operator.restore!(JSON.parse(JSON.stringify(second.operator.snapshot!())));
    void third.process(NEXT);
    expect(barsIn(third.emitted())).toEqual(['11-27T14:30 A 1 complete']);
  });
});
