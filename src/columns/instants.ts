import { TWO_32 } from './int64.js';

/** An instant or a duration in ns as two words: the high one signed, the low one unsigned. Mutable. */
export interface Instant {
  high: number;
  low: number;
}

/** Before every other instant. */
export const BEFORE_ALL: Readonly<Instant> = { high: Number.NEGATIVE_INFINITY, low: 0 };
/** After every other instant. */
export const AFTER_ALL: Readonly<Instant> = { high: Number.POSITIVE_INFINITY, low: 0 };

export const instantOf = (ns: bigint): Instant => ({
  high: Number(ns >> 32n),
  low: Number(ns & 0xffff_ffffn),
});

export const isAfter = (high: number, low: number, than: Readonly<Instant>): boolean =>
  high > than.high || (high === than.high && low > than.low);

export const isBefore = (high: number, low: number, than: Readonly<Instant>): boolean =>
  high < than.high || (high === than.high && low < than.low);

/** Whether one instant is after another, both as words. */
export const isLaterThan = (high: number, low: number, thanHigh: number, thanLow: number): boolean =>
  high > thanHigh || (high === thanHigh && low > thanLow);

/** Sets `to` to the given instant plus `by`. */
export function setSum(to: Instant, high: number, low: number, by: Readonly<Instant>): void {
  const sum = low + by.low;
  to.low = sum >= TWO_32 ? sum - TWO_32 : sum;
  to.high = high + by.high + (sum >= TWO_32 ? 1 : 0);
}

/** Sets `to` to the given instant minus `by`. */
export function setDifference(to: Instant, high: number, low: number, by: Readonly<Instant>): void {
  const rest = low - by.low;
  to.low = rest < 0 ? rest + TWO_32 : rest;
  to.high = high - by.high - (rest < 0 ? 1 : 0);
}

/** An instant in saved positions and states: as text, since its words may be infinite, which JSON cannot hold. */
export const textOfInstant = ({ high, low }: Readonly<Instant>): string => `${high}:${low}`;

export function instantOfText(text: string): Instant {
  const [high = Number.NaN, low = Number.NaN] = text.split(':').map(Number);
  return { high, low };
}
