import type { StageStatistics } from '../../wire/pipeline-report.js';

/** From 10 µs on, eight steps to a doubling: a figure is at most 9 % too large. 31 doublings are six hours. */
const FIRST_MS = 0.01;
const STEPS = 8;
const BUCKETS = 31 * STEPS;
/** A minute, in parts that are forgotten one by one. */
const PART_NS = 10_000_000_000n;
const PARTS = 6;

/**
 * How long after its event a row is received, over the last minute of receiving: a histogram of fixed size. One
 * sample stands for all rows that came in one go. A row that is received before its own event shows that one of the
 * two clocks is wrong: by how much at least, is the skew.
 */
export class LatencyMeter {
  readonly #counts = new Uint32Array(PARTS * BUCKETS);
  readonly #largest = new Float64Array(PARTS).fill(Number.NEGATIVE_INFINITY);
  readonly #least = new Float64Array(PARTS).fill(Number.POSITIVE_INFINITY);
  #part = 0n;

  /**
   * @param now - On the monotonic clock.
   * @param lagMs - Time of receipt less event time.
   */
  add(now: bigint, lagMs: number): void {
    const part = now / PART_NS;
    if (part !== this.#part) this.#turnTo(part);
    const at = Number(part % BigInt(PARTS));
    this.#counts[at * BUCKETS + bucketOf(lagMs)]!++;
    if (lagMs > this.#largest[at]!) this.#largest[at] = lagMs;
    if (lagMs < this.#least[at]!) this.#least[at] = lagMs;
  }

  /** The skew that is known of, in ms: 0 as long as every row was received after its event. */
  get skewMs(): number {
    return Math.max(0, -Math.min(...this.#least));
  }

  /** Nothing before the first sample. */
  statistics(): StageStatistics {
    const largest = Math.max(...this.#largest);
    if (largest === Number.NEGATIVE_INFINITY) return {};
    const sums = new Uint32Array(BUCKETS);
    let samples = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      sums[i % BUCKETS]! += this.#counts[i]!;
      samples += this.#counts[i]!;
    }
    const quantile = (share: number) => Math.min(largest, endOf(bucketAt(sums, share * samples)));
    return {
      latencyMsP50: quantile(0.5),
      latencyMsP99: quantile(0.99),
      latencyMsMax: largest,
      clockSkewMs: this.skewMs,
    };
  }

  /** Forgets what is older than a minute. */
  #turnTo(part: bigint): void {
    const parts = BigInt(PARTS);
    const passed = part - this.#part > parts ? parts : part - this.#part;
    for (let i = 0n; i < passed; i++) {
      const at = Number((part - i) % parts);
      this.#counts.fill(0, at * BUCKETS, (at + 1) * BUCKETS);
      this.#largest[at] = Number.NEGATIVE_INFINITY;
      this.#least[at] = Number.POSITIVE_INFINITY;
    }
    this.#part = part;
  }
}

function bucketOf(lagMs: number): number {
  if (!(lagMs > FIRST_MS)) return 0;
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log2(lagMs / FIRST_MS) * STEPS));
}

const endOf = (bucket: number): number => FIRST_MS * 2 ** (bucket / STEPS);

function bucketAt(counts: Uint32Array, rank: number): number {
  let passed = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    passed += counts[bucket]!;
    if (passed >= rank) return bucket;
  }
  return counts.length - 1;
}
