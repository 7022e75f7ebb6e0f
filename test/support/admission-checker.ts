/**
 * Judges what limiters granted, by the admissions alone: nothing here knows how a limiter works. All
 * instants are ns, and a law holds over every interval, its ends included.
 */
export interface Admission {
  readonly at: bigint;
  readonly cost: number;
}

/** What a budget was from an instant on. */
export interface RatePeriod {
  readonly from: bigint;
  /** Permits at once. */
  readonly burst: number;
  /** `undefined`: a rate of 0. */
  readonly nsPerPermit: bigint | undefined;
}

export class OverAdmissionError extends Error {
  override readonly name = 'OverAdmissionError';
}

/**
 * granted ≤ burst + rate × Δt over every interval; with several periods, ≤ the highest burst + the
 * integral of the rate. One pass: the admissions must conform to the generic cell rate algorithm,
 * which is the same law (ITU-T I.371), in a time that runs as fast as permits are earned.
 *
 * @param periods - In order; the first holds for all before it, too.
 * @throws {OverAdmissionError}
 */
export function checkSmooth(admissions: readonly Admission[], periods: readonly RatePeriod[]): void {
  const { earned, scale } = earnedBy(periods);
  const burst = scale * BigInt(Math.max(...periods.map((period) => period.burst)));
  let earnedBackAt: bigint | undefined;
  for (const { at, cost } of inOrder(admissions)) {
    const now = earned(at);
    const base = earnedBackAt === undefined || earnedBackAt < now ? now : earnedBackAt;
    earnedBackAt = base + scale * BigInt(cost);
    if (earnedBackAt - now > burst) {
      const excess = Number(((earnedBackAt - now - burst) * 1_000n) / scale) / 1_000;
      throw new OverAdmissionError(
        `expected no more than burst + rate × Δt over every interval, found ${excess} permits more in one that ends at ${at} ns`,
      );
    }
  }
}

/**
 * granted ≤ the burst at the start of the interval + the integral of the rate, over every interval: nothing that was
 * saved up comes with a larger burst. At the instant of a change, both bursts hold.
 *
 * @throws {OverAdmissionError}
 */
export function checkGrowing(admissions: readonly Admission[], periods: readonly RatePeriod[]): void {
  const { earned, scale } = earnedBy(periods);
  const burstAt = (at: bigint) => {
    const inForce = periods.filter(({ from }, i) => from <= at && (periods[i + 1]?.from ?? at) >= at);
    return Math.max(...inForce.map(({ burst }) => burst));
  };
  const sorted = inOrder(admissions);
  for (let first = 0; first < sorted.length; first++) {
    const burst = scale * BigInt(burstAt(sorted[first]!.at));
    let granted = 0n;
    for (let last = first; last < sorted.length; last++) {
      granted += scale * BigInt(sorted[last]!.cost);
      if (granted > burst + earned(sorted[last]!.at) - earned(sorted[first]!.at)) {
        throw new OverAdmissionError(
          `expected no more than the burst of then and what was earned since, from ${sorted[first]!.at} to ${sorted[last]!.at} ns, found ${granted / scale} permits`,
        );
      }
    }
  }
}

/** The same interval by interval, to check the checker. */
export function checkSmoothSlowly(admissions: readonly Admission[], periods: readonly RatePeriod[]): void {
  const { earned, scale } = earnedBy(periods);
  const burst = scale * BigInt(Math.max(...periods.map((period) => period.burst)));
  const sorted = inOrder(admissions);
  for (let first = 0; first < sorted.length; first++) {
    let granted = 0n;
    for (let last = first; last < sorted.length; last++) {
      granted += scale * BigInt(sorted[last]!.cost);
      if (granted > burst + earned(sorted[last]!.at) - earned(sorted[first]!.at)) {
        throw new OverAdmissionError(
          `expected less from ${sorted[first]!.at} to ${sorted[last]!.at} ns, found ${granted / scale} permits`,
        );
      }
    }
  }
}

/**
 * Never more than `permits` in any window, open at one end.
 *
 * @throws {OverAdmissionError}
 */
export function checkRolling(
  admissions: readonly Admission[],
  { permits, windowNs }: { readonly permits: number; readonly windowNs: bigint },
): void {
  const sorted = inOrder(admissions);
  let granted = 0;
  let oldest = 0;
  for (const { at, cost } of sorted) {
    granted += cost;
    for (; sorted[oldest]!.at <= at - windowNs; oldest++) granted -= sorted[oldest]!.cost;
    if (granted > permits) {
      throw new OverAdmissionError(
        `expected at most ${permits} permits in ${windowNs} ns, found ${granted} in the window that ends at ${at} ns`,
      );
    }
  }
}

/** @throws {OverAdmissionError} for an admission within one of the pauses, their end left out. */
export function checkPauses(
  admissions: readonly Admission[],
  pauses: readonly { readonly from: bigint; readonly until: bigint }[],
): void {
  for (const { from, until } of pauses) {
    const early = admissions.find(({ at }) => at > from && at < until);
    if (early !== undefined) {
      throw new OverAdmissionError(
        `expected nothing from ${from} to ${until} ns, found an admission at ${early.at}`,
      );
    }
  }
}

/** Permits earned up to an instant, times `scale`, which makes them whole. */
function earnedBy(periods: readonly RatePeriod[]): { earned(at: bigint): bigint; scale: bigint } {
  const scale = periods.reduce((product, { nsPerPermit = 1n }) => leastCommon(product, nsPerPermit), 1n);
  const rates = periods.map(({ nsPerPermit }) => (nsPerPermit === undefined ? 0n : scale / nsPerPermit));
  const earned = (at: bigint): bigint => {
    let sum = 0n;
    let from = periods[0]!.from;
    for (let i = 0; i < periods.length; i++) {
      const end = periods[i + 1]?.from;
      if (end === undefined || at < end) return sum + (at - from) * rates[i]!;
      sum += (end - from) * rates[i]!;
      from = end;
    }
    return sum;
  };
  return { earned, scale };
}

const inOrder = (admissions: readonly Admission[]): readonly Admission[] =>
  [...admissions].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));

function leastCommon(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return (a / x) * b;
}
