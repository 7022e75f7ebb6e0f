import type { Temporal } from 'temporal-polyfill';
import { importTemporal } from '../core/import-later.js';
import { fixedOffsetMs } from '../core/time-zone.js';
import { DAY_MS } from './civil-date.js';

/** A time between two changes of the offset from UTC. Bounds are ms since 1970 UTC. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Local time minus UTC, ms. */
  readonly offsetMs: number;
}

/**
 * Converts between UTC and the wall clock of a zone, both in ms since 1970. Changes of the offset are looked up
 * once (a zone has about two a year) and kept.
 */
export class ZoneClock {
  readonly #stretchAt: (utcMs: number) => Stretch;
  /** The last stretch that was used. */
  #last: Stretch;

  private constructor(stretchAt: (utcMs: number) => Stretch) {
    this.#stretchAt = stretchAt;
    this.#last = stretchAt(0);
  }

  /** @param zone - A zone for which `isZone` is true. The time zone library is loaded only for named zones. */
  static async of(zone: string): Promise<ZoneClock> {
    const offsetMs = fixedOffsetMs(zone);
    if (offsetMs !== undefined) {
      const all = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, offsetMs };
      return new ZoneClock(() => all);
    }
    const { Temporal } = await importTemporal();
    const known: Stretch[] = []; // unordered and distinct
    return new ZoneClock((utcMs) => {
      let found = known.find((stretch) => isIn(stretch, utcMs));
      if (!found) {
        found = stretchOf(Temporal, zone, utcMs);
        known.push(found);
      }
      return found;
    });
  }

  toLocal(utcMs: number): number {
    return utcMs + this.#at(utcMs).offsetMs;
  }

  /**
   * Of a time that the clock shows twice, the first instant; for one that it skips, the instant of the change.
   * A later time is never an earlier instant, so hours that do not overlap on the clock do not overlap in UTC.
   */
  toUtc(localMs: number): number {
    // No zone changes twice within two days.
    const before = this.#at(localMs - DAY_MS);
    const after = isIn(before, localMs + DAY_MS) ? before : this.#at(localMs + DAY_MS);
    const first = localMs - before.offsetMs;
    if (before === after || first < after.from) return first;
    return Math.max(after.from, localMs - after.offsetMs);
  }

  #at(utcMs: number): Stretch {
    if (!isIn(this.#last, utcMs)) this.#last = this.#stretchAt(utcMs);
    return this.#last;
  }
}

const isIn = ({ from, to }: Stretch, utcMs: number): boolean => utcMs >= from && utcMs < to;

function stretchOf(T: typeof Temporal, zone: string, utcMs: number): Stretch {
  const at = T.Instant.fromEpochMilliseconds(utcMs).toZonedDateTimeISO(zone);
  // The last change at or before the instant.
  const begin = at.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');
  const end = at.getTimeZoneTransition('next');
  return {
    from: begin?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    to: end?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offsetMs: at.offsetNanoseconds / 1e6,
  };
}
