import type { ClosedReason } from './market-state.js';
import type { DayPlan, TradingDays } from './trading-days.js';

/** A time without trading, between two parts. */
export interface ClosedGap {
  /** The day and trade date of the part before and of the part after; `undefined` where the range ends. */
  readonly before: GapEdge | undefined;
  readonly after: GapEdge | undefined;
}

export interface GapEdge {
  readonly day: number;
  readonly tradeDay: number | undefined;
}

/** Says why a market is closed at an instant (ms since 1970 UTC) within a gap. */
export function closedReason(
  days: TradingDays,
  atMs: number,
  { before, after }: ClosedGap,
): { readonly reason: ClosedReason; readonly what?: string } {
  const today = days.plan(days.dayAt(atMs));
  const own = reasonOf(today, atMs);
  if (own) return own;
  if (before && after) {
    if (before.tradeDay !== undefined && before.tradeDay === after.tradeDay) return { reason: 'break' };
    if (after.day - before.day <= 1 || after.day === today.day) return { reason: 'overnight' };
  }
  // Of the days that are left out, the one that the instant is on, or else the first.
  const skipped = days.plan(Math.max(today.day, before ? before.day + 1 : today.day));
  return (
    (skipped.parts.length === 0 && reasonOf(skipped, days.midnightOf(skipped.day))) || { reason: 'weekend' }
  );
}

function reasonOf({ special, parts, opensLate, closesEarly }: DayPlan, atMs: number) {
  if (!special) return undefined;
  const { name: what, isHoliday } = special;
  if (parts.length === 0) return { reason: isHoliday ? 'holiday' : 'closure', what } as const;
  if (opensLate && atMs < parts[0]!.from) return { reason: 'late-open', what } as const;
  return closesEarly && atMs >= parts.at(-1)!.to ? ({ reason: 'early-close', what } as const) : undefined;
}
