import { readInt64, writeInt64 } from '../../core/int64.js';
import { Random, type RandomState } from '../../core/random.js';
import type { TickGrid } from './tick-grid.js';

export interface QuoteWalkSettings {
  readonly seed: number;
  /** ns since 1970 of the first row. */
  readonly startNs: bigint;
  readonly intervalNs: number;
  /** At most `intervalNs`, below 2³¹. */
  readonly jitterNs: number;
  /** Symbols, at most 65,536. */
  readonly symbols: number;
  readonly startTicks: number;
  /** Between which the walk is reflected. */
  readonly ticksMin: number;
  readonly ticksMax: number;
  /** Largest move of a row. */
  readonly volatility: number;
  readonly grid: TickGrid;
  /** Ticks from bid to ask. */
  readonly spread: number;
  readonly sizeMin: number;
  /** Sizes there are from the least on, at most 65,536. */
  readonly sizes: number;
}

/** Where quotes go, by row of a batch. */
export interface QuoteColumns {
  /** Two words a row. */
  readonly times: Int32Array;
  readonly symbols: Int32Array;
  readonly bids: Float64Array;
  readonly asks: Float64Array;
  readonly bidSizes: Float64Array;
  readonly askSizes: Float64Array;
}

/** What a walk needs to go on: plain data. */
export interface QuoteWalkState {
  readonly time: string;
  readonly random: RandomState;
  readonly ticks: readonly number[];
}

/**
 * A random walk of quotes, of which the other kinds of rows are made. Integer arithmetic and one
 * correctly rounded division a price, so that a seed gives the same rows on every machine.
 *
 * Each row takes two draws of 32 bits: one for symbol (upper half) and move (lower half), one for
 * the sizes of bid and ask; jitter takes a third. The steps of `Random` are written out in locals:
 * a call and four private fields a draw would double the cost of a row.
 */
export class QuoteWalk {
  /** Of the rows filled last: bids in ticks, and the draw behind the sizes. */
  readonly bidTicks: Int32Array;
  readonly draws: Int32Array;
  readonly #settings: QuoteWalkSettings;
  /** Time of the next row. */
  readonly #time = new Int32Array(2);
  readonly #random = new Int32Array(4);
  readonly #ticksOf: Int32Array;

  constructor(settings: QuoteWalkSettings, rowsMax: number) {
    this.#settings = settings;
    this.bidTicks = new Int32Array(rowsMax);
    this.draws = new Int32Array(rowsMax);
    this.#ticksOf = new Int32Array(settings.symbols).fill(settings.startTicks);
    this.#random.set(new Random(settings.seed).state());
    writeInt64(this.#time, 0, settings.startNs);
  }

  /** ns since 1970 of the next row. */
  get nextTime(): bigint {
    return readInt64(this.#time, 0);
  }

  /** Lets event time pass without a row. */
  skip(ns: bigint): void {
    writeInt64(this.#time, 0, this.nextTime + ns);
  }

  state(): QuoteWalkState {
    const [a, b, c, counter] = this.#random as unknown as RandomState; // four elements by construction
    return { time: String(this.nextTime), random: [a, b, c, counter], ticks: Array.from(this.#ticksOf) };
  }

  restore(state: QuoteWalkState): void {
    writeInt64(this.#time, 0, BigInt(state.time));
    this.#random.set(state.random);
    this.#ticksOf.set(state.ticks);
  }

  /**
   * Makes rows `start` to `end`.
   *
   * @param ids - Id of each symbol of the walk.
   */
  fill(columns: QuoteColumns, ids: Int32Array, start: number, end: number): void {
    const { times, symbols, bids, asks, bidSizes, askSizes } = columns;
    const { intervalNs, jitterNs, symbols: symbolCount, ticksMin, ticksMax, volatility } = this.#settings;
    const { spread, sizeMin, sizes } = this.#settings;
    const { numerator, denominator } = this.#settings.grid;
    const { bidTicks, draws } = this;
    const ticksOf = this.#ticksOf;
    const moves = 2 * volatility + 1;
    const below = spread >> 1;
    const jitterSpan = 2 * jitterNs + 1;
    const stepHigh = Math.floor((intervalNs - jitterNs) / 4_294_967_296);
    const stepLow = (intervalNs - jitterNs - stepHigh * 4_294_967_296) | 0;
    let low = this.#time[0]!;
    let high = this.#time[1]!;
    let a = this.#random[0]!;
    let b = this.#random[1]!;
    let c = this.#random[2]!;
    let counter = this.#random[3]!;

    for (let row = start; row < end; row++) {
      times[2 * row] = low;
      times[2 * row + 1] = high;

      const draw = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + draw) | 0;

      // 16 bits times at most 2¹⁶: the product fits 32 bits, its upper half is the choice.
      const symbol = Math.imul(draw >>> 16, symbolCount) >>> 16;
      const move = (Math.imul(draw & 0xffff, moves) >>> 16) - volatility;
      let next = (ticksOf[symbol]! + move) | 0;
      if (next < ticksMin) next = 2 * ticksMin - next;
      else if (next > ticksMax) next = 2 * ticksMax - next;
      ticksOf[symbol] = next;
      symbols[row] = ids[symbol]!;

      const free = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + free) | 0;
      draws[row] = free;

      const bid = next - below;
      bidTicks[row] = bid;
      bids[row] = (bid * numerator) / denominator;
      asks[row] = ((bid + spread) * numerator) / denominator;
      bidSizes[row] = sizeMin + (Math.imul(free >>> 16, sizes) >>> 16);
      askSizes[row] = sizeMin + (Math.imul(free & 0xffff, sizes) >>> 16);

      low = (low + stepLow) | 0;
      high = (high + stepHigh + (low >>> 0 < stepLow >>> 0 ? 1 : 0)) | 0;
      if (jitterSpan > 1) {
        const chance = (((a + b) | 0) + counter) | 0;
        counter = (counter + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = (((c << 21) | (c >>> 11)) + chance) | 0;
        const extra = Math.floor(((chance >>> 0) * jitterSpan) / 4_294_967_296) | 0;
        low = (low + extra) | 0;
        if (low >>> 0 < extra >>> 0) high = (high + 1) | 0;
      }
    }

    this.#time[0] = low;
    this.#time[1] = high;
    this.#random[0] = a;
    this.#random[1] = b;
    this.#random[2] = c;
    this.#random[3] = counter;
  }
}
