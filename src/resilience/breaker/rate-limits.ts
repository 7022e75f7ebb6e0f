export interface RateLimits {
  readonly minimumVolume: number;
  readonly failureRate?: number | undefined;
  readonly slowCallRate?: number | undefined;
}

export type RateVerdict = 'none' | 'failureRate' | 'slowCallRate';

/** @param total - Calls that have ended, with any outcome: a call in flight does not dilute a rate. */
export function judgeRates(total: number, failed: number, slow: number, limits: RateLimits): RateVerdict {
  const { minimumVolume, failureRate, slowCallRate } = limits;
  if (total < minimumVolume) return 'none';
  // Divided, not multiplied, so that 3 of 30 is exactly the 0.1 that somebody wrote.
  if (failureRate !== undefined && failed / total >= failureRate) return 'failureRate';
  return slowCallRate !== undefined && slow / total >= slowCallRate ? 'slowCallRate' : 'none';
}

/** What a window holds now. */
export interface WindowGauge {
  /** Calls that have ended, with any outcome. */
  readonly volume: number;
  /** Calls that failed. */
  readonly failed: number;
  /** Calls that were slow, failed or not. */
  readonly slow: number;
  /** Share of the calls that failed; 0 if there are none. */
  readonly failureRate: number;
  /** Share of the calls that were slow; 0 if there are none. */
  readonly slowCallRate: number;
}

export function gaugeOf(volume: number, failed: number, slow: number): WindowGauge {
  const rate = (calls: number) => (volume === 0 ? 0 : calls / volume);
  return { volume, failed, slow, failureRate: rate(failed), slowCallRate: rate(slow) };
}
