/**
 * A tick size as a fraction. The price of `ticks` ticks is `ticks × numerator ÷ denominator`, rounded
 * once, so it equals its decimal text exactly.
 */
export interface TickGrid {
  readonly numerator: number;
  readonly denominator: number;
}

/** The size of a tick as a fraction in lowest terms: 0.01 is 1/100, 0.25 is 1/4, 5 is 5/1. */
export function tickGrid(tickSize: number): TickGrid {
  // The shortest decimal that reads back as this double is the number that the user wrote.
  const [mantissa = '', exponent = '0'] = String(tickSize).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const power = Number(exponent) - fraction.length;
  let numerator = BigInt(whole + fraction);
  let denominator = 1n;
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator = 10n ** BigInt(-power);
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: Number(numerator / divisor), denominator: Number(denominator / divisor) };
}

/** Number of ticks up to which prices are exact and a move still fits into 32 bits. */
export const ticksMaxOf = (grid: TickGrid): number =>
  Math.min(2 ** 30, Math.floor(Number.MAX_SAFE_INTEGER / grid.numerator));

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}
