import type { ScheduleInstants } from './schedule-instants.js';

/** Instants with equal time between them, one of which is `fromMs`: none is before it. */
export function intervalInstants({
  everyMs,
  fromMs,
}: {
  readonly everyMs: number;
  readonly fromMs: number;
}): ScheduleInstants {
  return {
    next: (afterMs) =>
      afterMs < fromMs ? fromMs : fromMs + (Math.floor((afterMs - fromMs) / everyMs) + 1) * everyMs,
  };
}
