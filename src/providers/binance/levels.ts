const LEVELS_FIRST = 1_024;

/** Levels of one side of a book, in arrays that grow and are used again. */
export class Levels {
  /** In quote currency. */
  prices = new Float64Array(LEVELS_FIRST);
  /** What is left at the price; 0 if the level is gone. */
  sizes = new Float64Array(LEVELS_FIRST);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  add(price: number, size: number): void {
    const at = this.length;
    if (at === this.prices.length) this.#grow();
    this.prices[at] = price;
    this.sizes[at] = size;
    this.length = at + 1;
  }

  #grow(): void {
    const { prices, sizes } = this;
    this.prices = new Float64Array(prices.length * 2);
    this.prices.set(prices);
    this.sizes = new Float64Array(sizes.length * 2);
    this.sizes.set(sizes);
  }
}
