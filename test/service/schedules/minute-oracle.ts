const MINUTE_MS = 60_000;

interface LocalMinute {
  readonly utcMs: number;
  /** The clock of the zone, as if it were UTC. */
  readonly localMs: number;
}

/**
 * Runs of a cron pattern, found by looking at each minute on the clock of `Intl.DateTimeFormat`: with a reader of
 * patterns of its own, and no arithmetic of zones.
 */
export class MinuteOracle {
  readonly #minutes: readonly LocalMinute[];

  constructor(zone: string, fromMs: number, toMs: number) {
    const format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    const minutes: LocalMinute[] = [];
    for (let utcMs = fromMs; utcMs < toMs; utcMs += MINUTE_MS) {
      const { year, month, day, hour, minute } = Object.fromEntries(
        format.formatToParts(utcMs).map(({ type, value }) => [type, value]),
      );
      minutes.push({ utcMs, localMs: Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`) });
    }
    this.#minutes = minutes;
  }

  runs(pattern: string): number[] {
    const isFree = pattern.split(' ')[1] === '*';
    const runs: number[] = [];
    let latestLocal = this.#minutes[0]!.localMs - MINUTE_MS;
    for (const { utcMs, localMs } of this.#minutes) {
      if (isFree) {
        if (fits(pattern, localMs)) runs.push(utcMs);
        continue;
      }
      // Every minute that the clock came by or skipped, each once.
      let isDue = false;
      for (; latestLocal < localMs; latestLocal += MINUTE_MS) {
        isDue ||= fits(pattern, latestLocal + MINUTE_MS);
      }
      if (isDue) runs.push(utcMs);
    }
    return runs;
  }
}

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function fits(pattern: string, localMs: number): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = pattern.split(' ');
  const at = new Date(localMs);
  const isDay = isIn(day, at.getUTCDate(), 1);
  const isWeekday = isIn(weekday, at.getUTCDay(), 0);
  return (
    isIn(minute, at.getUTCMinutes(), 0) &&
    isIn(hour, at.getUTCHours(), 0) &&
    isIn(month, at.getUTCMonth() + 1, 1) &&
    (day === '*' || weekday === '*' ? isDay && isWeekday : isDay || isWeekday)
  );
}

function isIn(field: string, value: number, first: number): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/');
    if (range === '*') return (value - first) % Number(step) === 0;
    const [from = 0, to = from] = range.split('-').map((text) => {
      const weekday = WEEKDAYS.indexOf(text);
      return weekday < 0 ? Number(text) : weekday;
    });
    return value >= from && value <= to;
  });
}
