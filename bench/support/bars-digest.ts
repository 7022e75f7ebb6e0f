import type { RowBar } from './row-bars.js';

/**
 * What is compared of the bars of two contenders. Sums of whole numbers, so that neither order nor
 * rounding changes them; prices count in thousandths, mixed with the time that they belong to.
 */
export interface BarsDigest {
  readonly bars: number;
  readonly rows: number;
  readonly opens: number;
  readonly highs: number;
  readonly lows: number;
  readonly closes: number;
}

/** Weight of a bar by its begin in seconds: a price in the wrong bar is noticed. */
export const WEIGHT_MODULUS = 997;

export function digestBars(bars: Iterable<RowBar>): BarsDigest {
  const digest = { bars: 0, rows: 0, opens: 0, highs: 0, lows: 0, closes: 0 };
  for (const { time, open, high, low, close, count } of bars) {
    const weight = 1 + (Math.floor(time / 1e6) % WEIGHT_MODULUS);
    digest.bars++;
    digest.rows += count;
    digest.opens += weight * Math.round(open * 1_000);
    digest.highs += weight * Math.round(high * 1_000);
    digest.lows += weight * Math.round(low * 1_000);
    digest.closes += weight * Math.round(close * 1_000);
  }
  return digest;
}

/**
 * The same in SQL.
 *
 * @param seconds - Expression for a bar's begin in whole seconds since 1970.
 */
export const digestSql = (seconds: string, from: string): string =>
  `SELECT count(*) AS bars, sum("count") AS rows, ${['open', 'high', 'low', 'close']
    .map((price) => `sum((1 + ${seconds} % ${WEIGHT_MODULUS}) * round(${price} * 1000)) AS ${price}s`)
    .join(', ')} FROM ${from}`;

/** @throws {Error} when a contender's result differs from the first one's. */
export function assertAgreement(
  results: ReadonlyMap<string, Readonly<Record<string, number>> | BarsDigest>,
): void {
  const [[firstName, first] = ['', {}], ...others] = results;
  const expected = JSON.stringify(first);
  for (const [name, result] of others) {
    const found = JSON.stringify(result);
    if (found !== expected) {
      throw new Error(`The results differ: ${firstName} ${expected}, ${name} ${found}`);
    }
  }
}
