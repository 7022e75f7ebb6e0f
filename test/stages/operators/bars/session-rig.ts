import type { CalendarData } from '../../../../src/calendars/calendar-data.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { nanos } from '../../../../src/core/units.js';
import { contextWithIds, type Item, isRecord, type Options, openBars } from './bars-rig.js';

export const ns = (iso: string): bigint => BigInt(Date.parse(iso)) * 1_000_000n;
export const trade = (iso: string, price = 100, symbol = 'A'): Row => ({
  time: ns(iso),
  symbol,
  price,
  size: 1,
});
export const watermark = (iso: string): ControlRecord => ({ type: 'watermark', at: nanos(ns(iso)) });
export const missing = (from: string, to: string): ControlRecord => ({
  type: 'gap',
  from: nanos(ns(from)),
  to: nanos(ns(to)),
  reason: 'test',
});
export const stale = (since: string, symbol?: string): ControlRecord => ({
  type: 'stale',
  since: nanos(ns(since)),
  ...(symbol !== undefined && { symbol }),
});
export const XNYS = { calendar: 'XNYS', every: 'session' } as const;

/** Tokyo: a break at noon. */
export const TOKYO: CalendarData = {
  name: 'XTKS',
  title: 'Tokyo',
  zone: 'Asia/Tokyo',
  from: '2024-01-01',
  to: '2026-12-31',
  source: 'test',
  hours: [
    {
      from: '2024-01-01',
      sessions: [
        { days: 'mon-fri', from: '09:00', to: '11:30' },
        { days: 'mon-fri', from: '12:30', to: '15:30' },
      ],
    },
  ],
};

export async function opened(options: Options, overrides = {}) {
  const bars = openBars(options, contextWithIds(overrides));
  await bars.operator.open?.();
  return bars;
}

/** Bars and records of a whole stream. */
export async function barsOf(items: readonly Item[], options: Options, overrides = {}): Promise<Item[]> {
  const bars = await opened(options, overrides);
  void bars.process(items);
  bars.flush();
  return bars.emitted();
}

const minute = (time: unknown): string =>
  new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(5, 16);
export const inShort = (items: readonly Item[]): string[] =>
  items.map((item) =>
    isRecord(item)
      ? item.type === 'watermark'
        ? `watermark ${minute(item.at)}`
        : item.type
      : `${minute(item.time)} ${item.symbol} ${item.count} ${item.mark}`,
  );

/** The bars alone. */
export const barsIn = (items: readonly Item[]): string[] => inShort(items.filter((item) => !isRecord(item)));
