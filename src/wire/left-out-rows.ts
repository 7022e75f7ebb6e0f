import { type CounterValues, type DroppedRows, droppedRows } from '../shared-memory/counters.js';
import type { LeftOutRows, StageReport, StageStatistics } from './pipeline-report.js';

/**
 * Adds up what was left out.
 *
 * @param rejected - Rows that the dead-letter file took.
 */
export function leftOutRows(
  counters: CounterValues,
  stages: readonly StageReport[],
  rejected: number,
): LeftOutRows {
  const lines = stages.map(({ statistics }) => statistics);
  const drops = [droppedRows(counters), ...lines.map(droppedIn)];
  const sum = (of: keyof DroppedRows) => drops.reduce((rows, dropped) => rows + (dropped[of] ?? 0), 0);
  const [late, overflow, other] = [sum('late'), sum('overflow'), sum('other')];
  return {
    rowsDropped: late + overflow + other,
    dropped: { late, ...(overflow > 0 && { overflow }), ...(other > 0 && { other }) },
    rowsRejected: Math.max(counters.rowsRejected, rejected),
    rowsLate: counters.rowsLate + total(lines, (one) => (isLine(one) ? one.rowsLate : one.sideRowsLate)),
    rowsUnrouted: total(lines, ({ rowsUnrouted }) => rowsUnrouted),
  };
}

/** Whether these are the numbers of an input or a branch, which say what became of its rows. */
export const isLine = ({ rowsPending }: StageStatistics): boolean => rowsPending !== undefined;

/** Rows that an input or a branch has dropped, or a join of its second source. Other stages are no place of their own. */
export function droppedIn(statistics: StageStatistics): DroppedRows {
  if (!isLine(statistics)) return { late: statistics.sideRowsDropped ?? 0 };
  const { rowsDropped = 0, rowsLate = 0 } = statistics;
  const { rowsConflated = 0, rowsDroppedOldest = 0, rowsDroppedNewest = 0 } = statistics;
  const rowsOverflowed = rowsConflated + rowsDroppedOldest + rowsDroppedNewest;
  return droppedRows({ rowsDropped: rowsDropped + rowsOverflowed, rowsLate, rowsOverflowed });
}

const total = (
  lines: readonly StageStatistics[],
  rows: (statistics: StageStatistics) => number | undefined,
): number => lines.reduce((sum, statistics) => sum + (rows(statistics) ?? 0), 0);
