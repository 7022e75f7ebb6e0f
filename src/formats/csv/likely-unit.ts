import { EPOCH_MS_MAX } from './epoch-text.js';
import { instantText } from './instant-text.js';
import type { ZoneOffsets } from './zone-offsets.js';

export type EpochUnit = 's' | 'ms' | 'us' | 'ns';

export const UNIT_NAMES: Readonly<Record<EpochUnit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
};

const UNIT_MS: Readonly<Record<EpochUnit, number>> = { s: 1_000, ms: 1, us: 1e-3, ns: 1e-6 };
const UNITS = Object.keys(UNIT_MS) as EpochUnit[];

const LIKELY_FROM_MS = Date.UTC(1980);
const LIKELY_TO_MS = Date.UTC(2100);

/** Converts a number in a unit to milliseconds, roughly; NaN if the text is not a number. */
export function roughMillis(text: string, unit: EpochUnit): number {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) * UNIT_MS[unit] : Number.NaN;
}

/** Returns the unit in which a number since 1970 is an instant between 1980 and 2100, if there is one. */
export function likelyUnit(text: string): EpochUnit | undefined {
  return UNITS.find((unit) => {
    const ms = roughMillis(text, unit);
    return ms >= LIKELY_FROM_MS && ms < LIKELY_TO_MS;
  });
}

/** Says what a number means in a unit: an instant, or that it is out of range. */
export function meaningOf(text: string, unit: EpochUnit, zone: ZoneOffsets): string {
  const ms = Math.floor(roughMillis(text, unit));
  if (ms > EPOCH_MS_MAX) return 'past the year 2248';
  return ms < -EPOCH_MS_MAX ? 'before the year 1691' : instantText(zone.toUtcUnnoted(ms));
}
