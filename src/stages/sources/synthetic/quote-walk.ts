import { readInt64, TWO_32, writeInt64 } from '../../../columns/int64.js';
import { Random, type RandomState } from '../../../core/random.js';
import type { TickGrid } from './tick-grid.js';
import {
  type WalkedRows,
  type WalkRules,
  type WalkState,
  walkRows,
  writeJitteredTimes,
  writePrices,
  writeSizes,
  writeTimes,
} from './walk-kernels.js';

export interface QuoteWalkSettings extends WalkRules {
  readonly seed: number;
  /** Time of the first row, in ns since 1970. */
  readonly startNs: bigint;
  readonly intervalNs: number;
  /** At most `intervalNs`, below 2³¹. */
  readonly jitterNs: number;
  readonly startTicks: number;
  readonly grid: TickGrid;
  /** Ticks from bid to ask. */
  readonly spread: number;
  readonly sizeMin: number;
  /** Number of possible sizes, counted from the smallest; at most 65,536. */
  readonly sizes: number;
}

/** What a walk needs to continue, as plain data. */
export interface QuoteWalkState {
  readonly time: string;
  readonly random: RandomState;
  readonly ticks: readonly number[];
}

/**
 * Rows made at a time: few enough that the result of one pass stays in the L1 cache for the next. Also,
 * V8 would compile a loop over a whole batch while its first run is still in it; for a while, that code
 * then deoptimizes at the end of the loop on every call (seen a thousand times in a row on Node 20).
 */
export const WALK_ROWS_MAX = 512;

/**
 * A random walk of quotes, from which the other kinds of rows are derived. Uses integer arithmetic and
 * one correctly rounded division per price, so that a seed gives the same rows on every machine.
 *
 * `advance` makes the next rows; afterwards each column that is needed is written in a separate pass.
 */
export class QuoteWalk implements WalkedRows {
  /** Ticks of the rows made last, the first one at index 0. The bid is `spread >> 1` ticks below. */
  readonly ticks = new Int32Array(WALK_ROWS_MAX);
  /** Random bits for the sizes: the bid's in the upper half, the ask's in the lower. */
  readonly draws = new Int32Array(WALK_ROWS_MAX);
  readonly jitters: Int32Array | undefined;
  readonly #settings: QuoteWalkSettings;
  readonly #state: WalkState;
  /** Words of the smallest time step. */
  readonly #stepHigh: number;
  readonly #stepLow: number;
  /** Time of the next row. */
  readonly #time = new Int32Array(2);

  constructor(settings: QuoteWalkSettings) {
    const { seed, startNs, intervalNs, jitterNs, symbols, startTicks } = settings;
    this.#settings = settings;
    this.#state = {
      random: Int32Array.from(new Random(seed).state()),
      ticksOf: new Int32Array(symbols).fill(startTicks),
    };
    this.jitters = jitterNs > 0 ? new Int32Array(WALK_ROWS_MAX) : undefined;
    this.#stepHigh = Math.floor((intervalNs - jitterNs) / TWO_32);
    this.#stepLow = (intervalNs - jitterNs - this.#stepHigh * TWO_32) | 0;
    writeInt64(this.#time, 0, startNs);
  }

  /** Time of the next row, in ns since 1970. */
  get nextTime(): bigint {
    return readInt64(this.#time, 0);
  }

  /** Lets event time pass without a row. */
  skip(ns: bigint): void {
    writeInt64(this.#time, 0, this.nextTime + ns);
  }

  state(): QuoteWalkState {
    const { random, ticksOf } = this.#state;
    const [a, b, c, counter] = random as unknown as RandomState; // four elements by construction
    return { time: String(this.nextTime), random: [a, b, c, counter], ticks: numbersOf(ticksOf) };
  }

  restore(state: QuoteWalkState): void {
    writeInt64(this.#time, 0, BigInt(state.time));
    this.#state.random.set(state.random);
    this.#state.ticksOf.set(state.ticks);
  }

  /**
   * Makes the next `count` rows, at most `WALK_ROWS_MAX`, and writes the columns that every kind of row
   * has.
   *
   * @param ids - Id of each symbol of the walk.
   * @param start - Index of the first row in the columns.
   */
  advance(times: Int32Array, symbols: Int32Array, ids: Int32Array, start: number, count: number): void {
    walkRows(this.#state, this.#settings, this, ids, symbols, start, count);
    const [time, high, low] = [this.#time, this.#stepHigh, this.#stepLow];
    if (this.jitters === undefined) writeTimes(time, high, low, times, start, count);
    else {
      const span = 2 * this.#settings.jitterNs + 1;
      writeJitteredTimes(time, high, low, this.jitters, span, times, start, count);
    }
  }

  writeBids(column: Float64Array, start: number, count: number): void {
    const { spread, grid } = this.#settings;
    writePrices(this.ticks, -(spread >> 1), grid, column, start, count);
  }

  writeAsks(column: Float64Array, start: number, count: number): void {
    const { spread, grid } = this.#settings;
    writePrices(this.ticks, spread - (spread >> 1), grid, column, start, count);
  }

  writeBidSizes(column: Float64Array, start: number, count: number): void {
    const { sizeMin, sizes } = this.#settings;
    writeSizes(this.draws, 16, sizeMin, sizes, column, start, count);
  }

  writeAskSizes(column: Float64Array, start: number, count: number): void {
    const { sizeMin, sizes } = this.#settings;
    writeSizes(this.draws, 0, sizeMin, sizes, column, start, count);
  }
}

/**
 * Five to twenty times as fast as `Array.from`. This matters because it runs for each checkpoint and,
 * with a rate, for each read.
 */
function numbersOf(values: Int32Array): number[] {
  const numbers = new Array<number>(values.length);
  for (let i = 0; i < values.length; i++) numbers[i] = values[i]!;
  return numbers;
}
