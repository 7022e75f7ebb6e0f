import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import { LatencyMeter } from '../quality/latency-meter.js';

/** Clocks of hosts that are kept in step differ by less. */
const SKEW_MS = 100;
const WARN_EVERY_NS = 3_600_000_000_000n;

/** Measures the latency of a stream, and warns of clocks that differ. */
export class LagWatch {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #meter = new LatencyMeter();
  #warnedAt: bigint | undefined;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param lagMs - Time of receipt less event time. */
  add(lagMs: number): void {
    const now = this.#clock.now();
    this.#meter.add(now, lagMs);
    if (lagMs < -SKEW_MS) this.#warn(now, -lagMs);
  }

  /** By how much the clock of this host is behind that of the venue, as far as rows have shown. */
  get skewMs(): number {
    return this.#meter.skewMs;
  }

  statistics(): StageStatistics {
    return this.#meter.statistics();
  }

  #warn(now: bigint, skewMs: number): void {
    if (this.#warnedAt !== undefined && now - this.#warnedAt < WARN_EVERY_NS) return;
    this.#warnedAt = now;
    this.#log.warn(
      { skewMs },
      'rows are received before their own event time: the clock of this host or that of the venue is wrong',
    );
  }
}
