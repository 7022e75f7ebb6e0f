import type { Temporal } from 'temporal-polyfill';

/**
 * From the local time of a zone to UTC.
 *
 * The time line of the zone's clock falls into stretches of one offset each, which are looked up once
 * (there are some two a year); the one in use is at hand, so that a row costs two comparisons. Where the clock goes back and shows a time twice, the
 * earlier instant is meant; where it goes forward and skips a time, that time is read with the
 * offset from before the jump, so that it counts on past it (`compatible` in Temporal's words).
 */
export class ZoneOffsets {
  /** Local ms since 1970 at which the stretch begins, and at which the next one does. */
  from: number;
  to: number;
  /** Local time less UTC within it, ms. */
  offsetMs: number;
  readonly #stretchOf: ((localMs: number) => Stretch) | undefined;
  /** In no order, each once. */
  readonly #known: Stretch[] = [];

  private constructor(fixedMs: number, stretchOf?: (localMs: number) => Stretch) {
    this.#stretchOf = stretchOf;
    this.offsetMs = fixedMs;
    this.from = stretchOf ? 0 : Number.NEGATIVE_INFINITY;
    this.to = stretchOf ? 0 : Number.POSITIVE_INFINITY;
  }

  /** @param zone - Of which `isZone` holds. The time zone library is loaded for named ones only. */
  static async of(zone: string): Promise<ZoneOffsets> {
    const fixed = fixedOffsetMs(zone);
    if (fixed !== undefined) return new ZoneOffsets(fixed);
    const { Temporal } = await import('temporal-polyfill');
    return new ZoneOffsets(0, (localMs) => stretchOf(Temporal, zone, localMs));
  }

  /** ms since 1970 UTC of a local time in ms since 1970. */
  toUtc(localMs: number): number {
    if (localMs >= this.from && localMs < this.to) return localMs - this.offsetMs;
    return this.#move(localMs);
  }

  #move(localMs: number): number {
    let found = this.#known.find(({ from, to }) => localMs >= from && localMs < to);
    if (!found) {
      found = this.#stretchOf!(localMs);
      this.#known.push(found);
    }
    const { from, to, offsetMs } = found;
    this.from = from;
    this.to = to;
    this.offsetMs = offsetMs;
    return localMs - offsetMs;
  }
}

/** `undefined` for a zone that is not `UTC`, `Z` or an offset like `-05:00`. */
export function fixedOffsetMs(zone: string): number | undefined {
  if (/^(?:utc|z|etc\/utc|gmt)$/i.test(zone)) return 0;
  const found = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (!found) return undefined;
  const [, sign, hours, minutes] = found;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

export function isZone(zone: string): boolean {
  if (fixedOffsetMs(zone) !== undefined) return true;
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly offsetMs: number;
}

type TemporalModule = typeof Temporal;

function stretchOf(T: TemporalModule, zone: string, localMs: number): Stretch {
  const local = T.Instant.fromEpochMilliseconds(localMs).toZonedDateTimeISO('UTC').toPlainDateTime();
  const instant = local.toZonedDateTime(zone, { disambiguation: 'compatible' });
  const offsetMs = localMs - instant.epochMilliseconds;
  // A skipped time lands behind the jump, but belongs to the stretch before it.
  const inside =
    offsetOf(instant) === offsetMs ? instant : latestTransition(instant)!.subtract({ nanoseconds: 1 });
  const begin = latestTransition(inside);
  const end = inside.getTimeZoneTransition('next');
  return {
    offsetMs,
    from: begin ? boundary(begin) : Number.NEGATIVE_INFINITY,
    to: end ? boundary(end) : Number.POSITIVE_INFINITY,
  };
}

/** The last one at or before an instant. */
const latestTransition = (at: Temporal.ZonedDateTime) =>
  at.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');

/** Local time from which a transition holds: skipped and doubled times still belong before it. */
function boundary(transition: Temporal.ZonedDateTime): number {
  const before = offsetOf(transition.subtract({ nanoseconds: 1 }));
  return transition.epochMilliseconds + Math.max(before, offsetOf(transition));
}

const offsetOf = (at: Temporal.ZonedDateTime): number => at.offsetNanoseconds / 1e6;
