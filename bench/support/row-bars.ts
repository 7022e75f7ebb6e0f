/** A price at an instant: what a bar is made of. */
export interface PricedRow {
  /** µs since 1970. */
  readonly time: number;
  readonly symbol: string;
  readonly mid: number;
}

export interface RowBar {
  /** Begin, µs since 1970. */
  readonly time: number;
  readonly symbol: string;
  readonly open: number;
  high: number;
  low: number;
  close: number;
  count: number;
}

/** Bars by event time from rows in order of time, as one writes them by hand: a map per window. */
export class RowBars {
  readonly #everyUs: number;
  #start = Number.NaN;
  #bars = new Map<string, RowBar>();

  constructor(everyUs: number) {
    this.#everyUs = everyUs;
  }

  /** Takes a row; answers with the bars that it closes, if it closes any. */
  add(row: PricedRow): RowBar[] | undefined {
    const { time, symbol, mid } = row;
    let closed: RowBar[] | undefined;
    if (!(time < this.#start + this.#everyUs)) {
      closed = this.end();
      this.#start = time - (time % this.#everyUs);
    }
    const bar = this.#bars.get(symbol);
    if (bar === undefined) {
      const first = { time: this.#start, symbol, open: mid, high: mid, low: mid, close: mid, count: 1 };
      this.#bars.set(symbol, first);
      return closed;
    }
    if (mid > bar.high) bar.high = mid;
    if (mid < bar.low) bar.low = mid;
    bar.close = mid;
    bar.count++;
    return closed;
  }

  /** The bars of the open window. */
  end(): RowBar[] {
    const bars = [...this.#bars.values()];
    this.#bars = new Map();
    return bars;
  }
}
