import { describe, expect, it } from 'vitest';
import { nanos } from '../../src/core/units.js';
import { readCalendar } from '../../src/documents/read-calendar.js';
import { bounded, FUZZ_MS_MAX, fuzz } from './bounded.js';
import { mutated } from './mutations.js';

const GOOD: readonly object[] = [
  {
    name: 'whole',
    title: 'a market',
    zone: 'America/New_York',
    from: '2020-01-01',
    to: '2026-12-31',
    extendedFrom: '2021-01-01',
    source: 'a notice',
    hours: [
      {
        from: '2020-01-01',
        sessions: [
          { days: 'mon-fri', kind: 'pre', from: '-1d 18:00', to: '09:30' },
          { days: ['mon', 'tue-fri'], from: '09:30', to: '16:00' },
        ],
      },
      { from: '2024-01-01', sessions: [{ days: 'mon-sun', from: '00:00', to: '24:00' }] },
    ],
    holidays: [
      { name: 'a', month: 1, day: 1, observed: 'nearest-weekday', exceptYears: [2023] },
      { name: 'b', month: 11, weekday: 'thu', nth: -1, plusDays: 1, close: '13:00', postUntil: '17:00' },
      { name: 'c', easter: -2, weekdays: 'fri', from: '2021-01-01', to: '2025-01-01', tradeDate: 'next' },
    ],
    exceptions: [
      { name: 'd', date: '2022-06-01', until: '2022-06-03' },
      { name: 'e', date: '2022-07-01', hours: [{ kind: 'unknown', from: '10:00', to: '12:00' }] },
      { name: 'f', date: '2021-12-24', usual: true },
    ],
  },
  {
    name: 'more',
    extends: 'CME.crypto',
    source: 'a notice',
    exceptions: [{ name: 'g', date: '2026-06-05' }],
  },
];

describe('any calendar', () => {
  it(
    'is refused at once, or answers',
    async () => {
      await fuzz(mutated(...GOOD), 150, async (data) => {
        const calendar = await bounded(() => readCalendar(data as object));
        if (!calendar) return;
        const at = nanos(BigInt(Date.parse('2022-06-06T15:00:00Z')) * 1_000_000n);
        await bounded(() => {
          expect(['open', 'closed', 'unknown']).toContain(calendar.at(at).state);
          calendar.nextOpen(at);
          calendar.nextClose(at);
          calendar.session(calendar.to);
        });
      });
    },
    FUZZ_MS_MAX,
  );
});
