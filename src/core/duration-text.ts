const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** A length of time as people write it: a number and one unit. */
export const DURATION = /^(\d{1,18})(?:\.(\d{1,9}))?(ns|us|µs|ms|s|m|h|d)$/;

/**
 * Nanoseconds of a duration such as `1s`, `5m`, `1.5h`, exactly; `undefined` if the text is no
 * duration or has a part of a nanosecond.
 */
export function parseDurationNs(text: string): bigint | undefined {
  const [, whole, fraction = '', unit] = DURATION.exec(text) ?? [];
  const unitNs = unit === undefined ? undefined : UNIT_NS[unit];
  if (whole === undefined || unitNs === undefined) return undefined;
  const scaled = BigInt(whole + fraction) * unitNs;
  const scale = 10n ** BigInt(fraction.length);
  return scaled % scale === 0n ? scaled / scale : undefined;
}

/** A length of time in the largest unit that gives a whole number, such as `10m` or `1500ms`. */
export function durationText(ns: bigint): string {
  const units = Object.entries(UNIT_NS).toReversed();
  const [unit, unitNs] = units.find(([, unitNs]) => ns % unitNs === 0n) ?? ['ns', 1n];
  return `${ns / unitNs}${unit}`;
}
