/** Numbers of a chain that are remembered. A power of 2. */
const REMEMBERED = 64;

/**
 * The last numbers of each chain, where nothing tells which number comes next: a number that stands here was
 * delivered, one that does not may have been missed. 0.5 kB a chain.
 */
export class RecentNumbers {
  #lows = new Int32Array(0);
  #highs = new Int32Array(0);
  /** How many each chain has had, as far as its places are filled; the next place is in the low bits. */
  #counts = new Uint32Array(0);

  grow(chains: number): void {
    if (chains <= this.#counts.length) return;
    const counts = new Uint32Array(chains);
    const lows = new Int32Array(chains * REMEMBERED);
    const highs = new Int32Array(chains * REMEMBERED);
    counts.set(this.#counts);
    lows.set(this.#lows);
    highs.set(this.#highs);
    this.#counts = counts;
    this.#lows = lows;
    this.#highs = highs;
  }

  add(chain: number, high: number, low: number): void {
    const count = this.#counts[chain]!;
    const at = chain * REMEMBERED + (count & (REMEMBERED - 1));
    this.#lows[at] = low;
    this.#highs[at] = high;
    // Once all places are filled, it counts in rounds.
    this.#counts[chain] = count + 1 === 2 * REMEMBERED ? REMEMBERED : count + 1;
  }

  has(chain: number, high: number, low: number): boolean {
    const filled = Math.min(REMEMBERED, this.#counts[chain]!);
    const first = chain * REMEMBERED;
    for (let at = first; at < first + filled; at++) {
      if (this.#lows[at] === low && this.#highs[at] === high) return true;
    }
    return false;
  }

  forget(chain: number): void {
    this.#counts[chain] = 0;
  }
}
