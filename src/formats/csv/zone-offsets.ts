import type { Temporal } from 'temporal-polyfill';
import { importTemporal } from '../../core/import-later.js';
import { fixedOffsetMs } from '../../core/time-zone.js';

/**
 * Converts the local time of a zone to UTC.
 *
 * The time line of the zone's clock is divided into stretches with one offset each, which are looked up
 * once (there are about four a year). The current stretch is cached, so that a row costs two comparisons.
 * The times that the clock shows twice, when it goes back, are a separate stretch. They are read as the
 * first pass and recorded, since only the order of rows can tell which pass is meant. A time that the
 * clock skips is read with the offset from before the change (`compatible` in Temporal).
 */
export class ZoneOffsets {
  /** Start and end of the current stretch, in local ms since 1970. */
  from: number;
  to: number;
  /** Local time minus UTC in the current stretch, ms. */
  offsetMs: number;
  /** Rows whose local time the clock shows twice, in the order in which they were read. */
  readonly doubledRows: number[] = [];
  /** For each of these rows, the stretch of its time. */
  readonly doubledStretches: DoubledStretch[] = [];
  readonly #stretches: Stretches | undefined;
  /** The last doubled stretch that was used. */
  #doubled: DoubledStretch = NOTHING_DOUBLED;

  private constructor(fixedMs: number, stretches?: Stretches) {
    this.#stretches = stretches;
    this.offsetMs = fixedMs;
    this.from = stretches ? 0 : Number.NEGATIVE_INFINITY;
    this.to = stretches ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Whether the offset from UTC never changes. */
  get isFixed(): boolean {
    return this.#stretches === undefined;
  }

  /** @param zone - A zone for which `isZone` is true. The time zone library is loaded only for named zones. */
  static async of(zone: string): Promise<ZoneOffsets> {
    const fixed = fixedOffsetMs(zone);
    if (fixed !== undefined) return new ZoneOffsets(fixed);
    let stretches = ZONES.get(zone);
    if (!stretches) {
      const { Temporal } = await importTemporal();
      stretches = new Stretches(Temporal, zone);
      ZONES.set(zone, stretches);
    }
    return new ZoneOffsets(0, stretches);
  }

  /**
   * Converts a local time in ms since 1970 to ms since 1970 UTC.
   *
   * @param row - Recorded if the clock shows the time twice.
   */
  toUtc(localMs: number, row: number): number {
    if (localMs >= this.from && localMs < this.to) return localMs - this.offsetMs;
    return this.#move(localMs, row);
  }

  /** Converts a time for a message, without recording it. Of two instants, it returns the first. */
  toUtcUnnoted(localMs: number): number {
    const noted = this.doubledRows.length;
    const utcMs = this.toUtc(localMs, 0);
    this.doubledRows.length = this.doubledStretches.length = noted;
    return utcMs;
  }

  /** Clears the record of doubled times; called before the next rows are read. */
  forgetDoubled(): void {
    this.doubledRows.length = 0;
    this.doubledStretches.length = 0;
  }

  #move(localMs: number, row: number): number {
    const doubled = this.#doubled;
    // A doubled stretch never becomes the current one, so that each of its rows is recorded here.
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

interface Stretch {
  /** Local ms since 1970. */
  readonly from: number;
  readonly to: number;
  /** Local time minus UTC, ms. */
  readonly offsetMs: number;
}

/** Local times that the clock shows twice. `offsetMs` is the offset of the first pass. */
export interface DoubledStretch extends Stretch {
  readonly secondOffsetMs: number;
}

const NOTHING_DOUBLED: DoubledStretch = { from: 0, to: 0, offsetMs: 0, secondOffsetMs: 0 };

type TemporalModule = typeof Temporal;

/** The stretches of one zone, looked up on demand. Shared, since a run may read hundreds of files in the same zone. */
class Stretches {
  readonly #temporal: TemporalModule;
  readonly #zone: string;
  /** Unordered and distinct. */
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

/** The stretches of the zones used so far, by name. */
const ZONES = new Map<string, Stretches>();

function stretchOf(T: TemporalModule, zone: string, localMs: number): Stretch | DoubledStretch {
  const local = T.Instant.fromEpochMilliseconds(localMs).toZonedDateTimeISO('UTC').toPlainDateTime();
  const instant = local.toZonedDateTime(zone, { disambiguation: 'compatible' });
  const offsetMs = localMs - instant.epochMilliseconds;
  // A skipped time is converted to an instant after the change, but belongs to the stretch before it.
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

/** The last transition at or before an instant. */
const latestTransition = (at: Temporal.ZonedDateTime) =>
  at.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');

const offsetOf = (at: Temporal.ZonedDateTime): number => at.offsetNanoseconds / 1e6;

const offsetBefore = (transition: Temporal.ZonedDateTime): number =>
  offsetOf(transition.subtract({ nanoseconds: 1 }));
