import type { Temporal } from 'temporal-polyfill';

/**
 * From the local time of a zone to UTC.
 *
 * The time line of the zone's clock falls into stretches of one offset each, which are looked up once
 * (there are some four a year); the one in use is at hand, so that a row costs two comparisons. A
 * stretch that the clock shows twice, because it goes back, is one of its own: its times are read as
 * those of the first pass, and noted, since only the order of rows tells which pass is meant. A time
 * that the clock skips is read with the offset from before the jump, so that it counts on past it
 * (`compatible` in Temporal's words).
 */
export class ZoneOffsets {
  /** Local ms since 1970 at which the stretch begins, and at which the next one does. */
  from: number;
  to: number;
  /** Local time less UTC within it, ms. */
  offsetMs: number;
  /** Rows whose local time the clock shows twice, in the order in which they were read. */
  readonly doubledRows: number[] = [];
  /** Of each of them: the stretch in which it falls. */
  readonly doubledStretches: DoubledStretch[] = [];
  readonly #stretches: Stretches | undefined;
  /** The doubled stretch in which a time fell last. */
  #doubled: DoubledStretch = NOTHING_DOUBLED;

  private constructor(fixedMs: number, stretches?: Stretches) {
    this.#stretches = stretches;
    this.offsetMs = fixedMs;
    this.from = stretches ? 0 : Number.NEGATIVE_INFINITY;
    this.to = stretches ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Whether local time is always as far from UTC. */
  get isFixed(): boolean {
    return this.#stretches === undefined;
  }

  /** @param zone - Of which `isZone` holds. The time zone library is loaded for named ones only. */
  static async of(zone: string): Promise<ZoneOffsets> {
    const fixed = fixedOffsetMs(zone);
    if (fixed !== undefined) return new ZoneOffsets(fixed);
    let stretches = ZONES.get(zone);
    if (!stretches) {
      const { Temporal } = await import('temporal-polyfill');
      stretches = new Stretches(Temporal, zone);
      ZONES.set(zone, stretches);
    }
    return new ZoneOffsets(0, stretches);
  }

  /**
   * ms since 1970 UTC of a local time in ms since 1970.
   *
   * @param row - For which it is: noted where the clock shows the time twice.
   */
  toUtc(localMs: number, row: number): number {
    if (localMs >= this.from && localMs < this.to) return localMs - this.offsetMs;
    return this.#move(localMs, row);
  }

  /** The same for people, who are told the first of two instants: nothing is noted. */
  toUtcUnnoted(localMs: number): number {
    const noted = this.doubledRows.length;
    const utcMs = this.toUtc(localMs, 0);
    this.doubledRows.length = this.doubledStretches.length = noted;
    return utcMs;
  }

  /** Before the next rows are read. */
  forgetDoubled(): void {
    this.doubledRows.length = 0;
    this.doubledStretches.length = 0;
  }

  #move(localMs: number, row: number): number {
    const doubled = this.#doubled;
    // Never the one at hand: each of its rows has to come by here.
    if (localMs >= doubled.from && localMs < doubled.to) return this.#note(doubled, localMs, row);
    const found = this.#stretches!.at(localMs);
    if ('secondOffsetMs' in found) return this.#note(found, localMs, row);
    const { from, to, offsetMs } = found;
    this.from = from;
    this.to = to;
    this.offsetMs = offsetMs;
    return localMs - offsetMs;
  }

  #note(stretch: DoubledStretch, localMs: number, row: number): number {
    this.#doubled = stretch;
    this.doubledRows.push(row);
    this.doubledStretches.push(stretch);
    return localMs - stretch.offsetMs;
  }
}

/** `undefined` for a zone that is not `UTC`, `Z` or an offset like `-05:00`. */
function fixedOffsetMs(zone: string): number | undefined {
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
  /** Local ms since 1970. */
  readonly from: number;
  readonly to: number;
  /** Local time less UTC, ms. */
  readonly offsetMs: number;
}

/** Local times that a clock shows twice. `offsetMs` is that of the first pass. */
export interface DoubledStretch extends Stretch {
  readonly secondOffsetMs: number;
}

const NOTHING_DOUBLED: DoubledStretch = { from: 0, to: 0, offsetMs: 0, secondOffsetMs: 0 };

type TemporalModule = typeof Temporal;

/** Of one zone, as they are asked for. A few hundred files are read on the same clock. */
class Stretches {
  readonly #temporal: TemporalModule;
  readonly #zone: string;
  /** In no order, each once. */
  readonly #known: (Stretch | DoubledStretch)[] = [];

  constructor(temporal: TemporalModule, zone: string) {
    this.#temporal = temporal;
    this.#zone = zone;
  }

  at(localMs: number): Stretch | DoubledStretch {
    let found = this.#known.find(({ from, to }) => localMs >= from && localMs < to);
    if (!found) {
      found = stretchOf(this.#temporal, this.#zone, localMs);
      this.#known.push(found);
    }
    return found;
  }
}

/** By name, those that were asked for. */
const ZONES = new Map<string, Stretches>();

function stretchOf(T: TemporalModule, zone: string, localMs: number): Stretch | DoubledStretch {
  const local = T.Instant.fromEpochMilliseconds(localMs).toZonedDateTimeISO('UTC').toPlainDateTime();
  const instant = local.toZonedDateTime(zone, { disambiguation: 'compatible' });
  const offsetMs = localMs - instant.epochMilliseconds;
  // A skipped time lands behind the jump, but belongs to the stretch before it.
  const isSkipped = offsetOf(instant) !== offsetMs;
  const second = isSkipped ? instant : local.toZonedDateTime(zone, { disambiguation: 'later' });
  const secondOffsetMs = offsetOf(second);
  if (!isSkipped && secondOffsetMs !== offsetMs) {
    const turn = latestTransition(second)!.epochMilliseconds;
    return { from: turn + secondOffsetMs, to: turn + offsetMs, offsetMs, secondOffsetMs };
  }
  const inside = isSkipped ? latestTransition(instant)!.subtract({ nanoseconds: 1 }) : instant;
  const begin = latestTransition(inside);
  const end = inside.getTimeZoneTransition('next');
  return {
    offsetMs,
    from: begin
      ? begin.epochMilliseconds + Math.max(offsetBefore(begin), offsetOf(begin))
      : Number.NEGATIVE_INFINITY,
    to: end ? end.epochMilliseconds + offsetOf(end) : Number.POSITIVE_INFINITY,
  };
}

/** The last one at or before an instant. */
const latestTransition = (at: Temporal.ZonedDateTime) =>
  at.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');

const offsetOf = (at: Temporal.ZonedDateTime): number => at.offsetNanoseconds / 1e6;

const offsetBefore = (transition: Temporal.ZonedDateTime): number =>
  offsetOf(transition.subtract({ nanoseconds: 1 }));
