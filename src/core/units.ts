declare const unit: unique symbol;

/** Nanoseconds. A bigint: nanoseconds since 1970 overflow the 53 exact bits of a double. */
export type Nanos = bigint & { readonly [unit]: 'Nanos' };
/** Milliseconds: settings and timers only, never event time. */
export type Millis = number & { readonly [unit]: 'Millis' };

/** Nanoseconds (`value`) as `Nanos`. */
export const nanos = (value: bigint): Nanos => value as Nanos;
/** Milliseconds (`value`) as `Millis`. */
export const millis = (value: number): Millis => value as Millis;

export const NANOS_PER_MILLI = 1_000_000n;
export const NANOS_PER_SECOND = 1_000_000_000n;

/** Whole milliseconds, rounded up, so that a timer never fires before its instant. */
export function toMillisCeil(duration: Nanos): Millis {
  if (duration <= 0n) return 0 as Millis;
  return Number((duration + NANOS_PER_MILLI - 1n) / NANOS_PER_MILLI) as Millis;
}
