/** Permits that were given. The instant lies between two readings of the clock, or is known. */
export interface Admission {
  readonly earliest: bigint;
  readonly latest: bigint;
  readonly cost: number;
}

/** What a budget earns from an instant on; the first holds for all before it, too. */
export interface RatePeriod {
  readonly from: bigint;
  readonly permitsPerSecond: number;
}

/**
 * By how many permits the worst of all intervals is over `burst + rate × Δt`; 0 or less: the law
 * holds over every interval.
 *
 * An interval counts what lies in it for certain: from the earliest instant of its first admission to
 * the latest of its last, so that what is found is over-admission, however late a thread was between
 * the call and the clock. Intervals are swept by their end. A tree holds, for each begin, the permits
 * given between the two plus those earned before the begin; the largest is the worst interval's.
 *
 * @param periods - In order of time.
 */
export function overAdmission(
  admissions: readonly Admission[],
  { burst, periods }: { readonly burst: number; readonly periods: readonly RatePeriod[] },
): number {
  const timed = admissions.map(({ earliest, latest, cost }) => ({
    begin: earnedBy(periods, earliest),
    end: earnedBy(periods, latest),
    cost,
  }));
  const begins = Float64Array.from(timed, ({ begin }) => begin).sort();
  const sums = new PrefixSums(begins);
  let worst = Number.NEGATIVE_INFINITY;
  let last = 0; // begins after it have nothing yet between them and the end
  for (const { begin, end, cost } of timed.sort((a, b) => a.end - b.end)) {
    const index = lastIndexOf(begins, begin);
    last = Math.max(last, index);
    sums.addUpTo(index, cost);
    worst = Math.max(worst, sums.largestUpTo(last) - end - burst);
  }
  return worst;
}

/** Permits from the begin of the first period on. */
function earnedBy(periods: readonly RatePeriod[], at: bigint): number {
  let earned = 0;
  for (const [i, { from, permitsPerSecond }] of periods.entries()) {
    const end = periods[i + 1]?.from;
    const isLast = end === undefined || at < end;
    earned += (Number((isLast ? at : end) - from) / 1e9) * permitsPerSecond;
    if (isLast) break;
  }
  return earned;
}

/** The most permits that any window shorter than `windowNs` holds for certain. */
export function mostInWindow(admissions: readonly Admission[], windowNs: bigint): number {
  const byEarliest = [...admissions].sort((a, b) => (a.earliest < b.earliest ? -1 : 1));
  let most = 0;
  for (const [first, { earliest }] of byEarliest.entries()) {
    let permits = 0;
    for (let i = first; i < byEarliest.length; i++) {
      const { earliest: begin, latest, cost } = byEarliest[i]!;
      if (begin - earliest >= windowNs) break;
      if (latest - earliest < windowNs) permits += cost;
    }
    most = Math.max(most, permits);
  }
  return most;
}

/** A row of values; adds to all up to an index, and tells the largest up to one, in logarithmic time. */
class PrefixSums {
  readonly #leaves: number;
  readonly #largest: Float64Array;
  readonly #added: Float64Array;

  constructor(values: Float64Array) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, values.length)));
    this.#largest = new Float64Array(2 * this.#leaves).fill(Number.NEGATIVE_INFINITY);
    this.#added = new Float64Array(2 * this.#leaves);
    this.#largest.set(values, this.#leaves);
    for (let node = this.#leaves - 1; node > 0; node--) this.#sum(node);
  }

  largestUpTo(index: number): number {
    let node = index + this.#leaves;
    let largest = this.#largest[node]!;
    for (; node > 1; node >>= 1) {
      if (node & 1) largest = Math.max(largest, this.#largest[node - 1]!);
      largest += this.#added[node >> 1]!;
    }
    return largest;
  }

  addUpTo(index: number, amount: number): void {
    let node = index + this.#leaves;
    this.#add(node, amount);
    for (; node > 1; node >>= 1) {
      if (node & 1) this.#add(node - 1, amount);
      this.#sum(node >> 1);
    }
  }

  #add(node: number, amount: number): void {
    this.#largest[node]! += amount;
    this.#added[node]! += amount;
  }

  #sum(node: number): void {
    this.#largest[node] =
      Math.max(this.#largest[2 * node]!, this.#largest[2 * node + 1]!) + this.#added[node]!;
  }
}

/** In ascending values. */
function lastIndexOf(values: Float64Array, value: number): number {
  let low = 0;
  for (let high = values.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
