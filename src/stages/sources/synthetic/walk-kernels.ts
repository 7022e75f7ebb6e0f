/**
 * The loops behind a walk of quotes, one pass per column, so that each kind of row computes only its own
 * columns. The loops are unrolled, since V8 reloads the memory and length of an array on each iteration;
 * with many arrays, this costs more than the work itself.
 */
import type { TickGrid } from './tick-grid.js';

/** Rules for the walk of all symbols. */
export interface WalkRules {
  /** Number of symbols, at most 65,536. */
  readonly symbols: number;
  /** Largest move per row, in ticks. */
  readonly volatility: number;
  /** Bounds between which the walk is reflected. */
  readonly ticksMin: number;
  readonly ticksMax: number;
}

/** State of a walk. */
export interface WalkState {
  /** State of `Random`. */
  readonly random: Int32Array;
  /** Position of each symbol, in ticks. */
  readonly ticksOf: Int32Array;
}

/** What the walk makes besides the symbols, the first row at index 0. */
export interface WalkedRows {
  /** Position of the row's symbol after the move. */
  readonly ticks: Int32Array;
  /** 32 random bits, independent of the move. */
  readonly draws: Int32Array;
  /** 32 random bits for the jitter, if there is one. */
  readonly jitters: Int32Array | undefined;
}

/**
 * Makes the next `count` rows of the walk. Each row takes two draws of 32 bits: one for the symbol (upper
 * half) and the move (lower half), and one that is stored; jitter takes a third. The steps of `Random`
 * are written out with locals, two at a time: a call and four field accesses per draw would double the
 * cost of a row.
 *
 * @param ids - Id of each symbol.
 * @param column - Receives the ids, from row `start` on.
 */
export function walkRows(
  { random, ticksOf }: WalkState,
  rules: WalkRules,
  { ticks, draws, jitters }: WalkedRows,
  ids: Int32Array,
  column: Int32Array,
  start: number,
  count: number,
): void {
  const { symbols: symbolCount, volatility, ticksMin, ticksMax } = rules;
  let a = random[0]!;
  let b = random[1]!;
  let c = random[2]!;
  let counter = random[3]!;
  let [first, second, b1, c1, symbol] = [0, 0, 0, 0, 0];
  let row = 0;
  for (const whole = jitters === undefined ? count & ~3 : 0; row < whole; row += 4) {
    first = (a + b + counter) | 0;
    b1 = nineTimes(c);
    c1 = (rotate(c) + first) | 0;
    second = (mix(b) + b1 + counter + 1) | 0;
    a = mix(b1);
    b = nineTimes(c1);
    c = (rotate(c1) + second) | 0;
    counter = (counter + 2) | 0;
    symbol = choose(first >>> 16, symbolCount);
    column[start + row] = ids[symbol]!;
    ticks[row] = move(ticksOf, symbol, first, volatility, ticksMin, ticksMax);
    draws[row] = second;

    first = (a + b + counter) | 0;
    b1 = nineTimes(c);
    c1 = (rotate(c) + first) | 0;
    second = (mix(b) + b1 + counter + 1) | 0;
    a = mix(b1);
    b = nineTimes(c1);
    c = (rotate(c1) + second) | 0;
    counter = (counter + 2) | 0;
    symbol = choose(first >>> 16, symbolCount);
    column[start + row + 1] = ids[symbol]!;
    ticks[row + 1] = move(ticksOf, symbol, first, volatility, ticksMin, ticksMax);
    draws[row + 1] = second;

    first = (a + b + counter) | 0;
    b1 = nineTimes(c);
    c1 = (rotate(c) + first) | 0;
    second = (mix(b) + b1 + counter + 1) | 0;
    a = mix(b1);
    b = nineTimes(c1);
    c = (rotate(c1) + second) | 0;
    counter = (counter + 2) | 0;
    symbol = choose(first >>> 16, symbolCount);
    column[start + row + 2] = ids[symbol]!;
    ticks[row + 2] = move(ticksOf, symbol, first, volatility, ticksMin, ticksMax);
    draws[row + 2] = second;

    first = (a + b + counter) | 0;
    b1 = nineTimes(c);
    c1 = (rotate(c) + first) | 0;
    second = (mix(b) + b1 + counter + 1) | 0;
    a = mix(b1);
    b = nineTimes(c1);
    c = (rotate(c1) + second) | 0;
    counter = (counter + 2) | 0;
    symbol = choose(first >>> 16, symbolCount);
    column[start + row + 3] = ids[symbol]!;
    ticks[row + 3] = move(ticksOf, symbol, first, volatility, ticksMin, ticksMax);
    draws[row + 3] = second;
  }
  for (; row < count; row++) {
    first = (a + b + counter) | 0;
    b1 = nineTimes(c);
    c1 = (rotate(c) + first) | 0;
    second = (mix(b) + b1 + counter + 1) | 0;
    a = mix(b1);
    b = nineTimes(c1);
    c = (rotate(c1) + second) | 0;
    counter = (counter + 2) | 0;
    symbol = choose(first >>> 16, symbolCount);
    column[start + row] = ids[symbol]!;
    ticks[row] = move(ticksOf, symbol, first, volatility, ticksMin, ticksMax);
    draws[row] = second;
    if (jitters === undefined) continue;

    jitters[row] = (a + b + counter) | 0;
    a = mix(b);
    b = nineTimes(c);
    c = (rotate(c) + jitters[row]!) | 0;
    counter = (counter + 1) | 0;
  }

  random[0] = a;
  random[1] = b;
  random[2] = c;
  random[3] = counter;
}

/** The parts of a step of `Random`. */
const mix = (b: number): number => b ^ (b >>> 9);
const nineTimes = (c: number): number => (c + (c << 3)) | 0;
const rotate = (c: number): number => (c << 21) | (c >>> 11);

/**
 * Chooses one of `count` (at most 2¹⁶) by 16 random bits: the product fits in 32 bits, and its upper half
 * is the choice.
 */
const choose = (chance: number, count: number): number => Math.imul(chance, count) >>> 16;

function move(
  ticksOf: Int32Array,
  symbol: number,
  draw: number,
  volatility: number,
  ticksMin: number,
  ticksMax: number,
): number {
  let next = (ticksOf[symbol]! + choose(draw & 0xffff, 2 * volatility + 1) - volatility) | 0;
  if (next < ticksMin) next = (2 * ticksMin - next) | 0;
  else if (next > ticksMax) next = (2 * ticksMax - next) | 0;
  ticksOf[symbol] = next;
  return next;
}

/** Writes prices that are `offset` ticks from the walk. */
export function writePrices(
  ticks: Int32Array,
  offset: number,
  { numerator, denominator }: TickGrid,
  column: Float64Array,
  start: number,
  count: number,
): void {
  const whole = count & ~7;
  let row = 0;
  for (let to = start; row < whole; row += 8, to += 8) {
    column[to] = ((ticks[row]! + offset) * numerator) / denominator;
    column[to + 1] = ((ticks[row + 1]! + offset) * numerator) / denominator;
    column[to + 2] = ((ticks[row + 2]! + offset) * numerator) / denominator;
    column[to + 3] = ((ticks[row + 3]! + offset) * numerator) / denominator;
    column[to + 4] = ((ticks[row + 4]! + offset) * numerator) / denominator;
    column[to + 5] = ((ticks[row + 5]! + offset) * numerator) / denominator;
    column[to + 6] = ((ticks[row + 6]! + offset) * numerator) / denominator;
    column[to + 7] = ((ticks[row + 7]! + offset) * numerator) / denominator;
  }
  for (; row < count; row++) column[start + row] = ((ticks[row]! + offset) * numerator) / denominator;
}

/** Writes sizes from 16 bits of each draw, starting at bit `shift`. */
export function writeSizes(
  draws: Int32Array,
  shift: 0 | 16,
  sizeMin: number,
  sizes: number,
  column: Float64Array,
  start: number,
  count: number,
): void {
  const whole = count & ~7;
  let row = 0;
  for (let to = start; row < whole; row += 8, to += 8) {
    column[to] = sizeMin + choose((draws[row]! >>> shift) & 0xffff, sizes);
    column[to + 1] = sizeMin + choose((draws[row + 1]! >>> shift) & 0xffff, sizes);
    column[to + 2] = sizeMin + choose((draws[row + 2]! >>> shift) & 0xffff, sizes);
    column[to + 3] = sizeMin + choose((draws[row + 3]! >>> shift) & 0xffff, sizes);
    column[to + 4] = sizeMin + choose((draws[row + 4]! >>> shift) & 0xffff, sizes);
    column[to + 5] = sizeMin + choose((draws[row + 5]! >>> shift) & 0xffff, sizes);
    column[to + 6] = sizeMin + choose((draws[row + 6]! >>> shift) & 0xffff, sizes);
    column[to + 7] = sizeMin + choose((draws[row + 7]! >>> shift) & 0xffff, sizes);
  }
  for (; row < count; row++) {
    column[start + row] = sizeMin + choose((draws[row]! >>> shift) & 0xffff, sizes);
  }
}

/**
 * Writes times from `time` on, and moves `time` to that of the next row.
 *
 * @param stepHigh - High word of the step from row to row; `stepLow` is the low word. The step is not
 *   negative.
 */
export function writeTimes(
  time: Int32Array,
  stepHigh: number,
  stepLow: number,
  words: Int32Array,
  start: number,
  count: number,
): void {
  let low = time[0]!;
  let high = time[1]!;
  let to = 2 * start;
  const last = to + 2 * count;
  for (const whole = to + 2 * (count & ~3); to < whole; to += 8) {
    words[to] = low;
    words[to + 1] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;

    words[to + 2] = low;
    words[to + 3] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;

    words[to + 4] = low;
    words[to + 5] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;

    words[to + 6] = low;
    words[to + 7] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;
  }
  for (; to < last; to += 2) {
    words[to] = low;
    words[to + 1] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;
  }
  time[0] = low;
  time[1] = high;
}

/** Like `writeTimes`, with up to `span` − 1 random ns added to each step. */
export function writeJitteredTimes(
  time: Int32Array,
  stepHigh: number,
  stepLow: number,
  jitters: Int32Array,
  span: number,
  words: Int32Array,
  start: number,
  count: number,
): void {
  let low = time[0]!;
  let high = time[1]!;
  for (let row = 0; row < count; row++) {
    words[2 * (start + row)] = low;
    words[2 * (start + row) + 1] = high;
    low = (low + stepLow) | 0;
    high = (high + stepHigh + Number(low >>> 0 < stepLow >>> 0)) | 0;
    const extra = Math.floor(((jitters[row]! >>> 0) * span) / 4_294_967_296) | 0;
    low = (low + extra) | 0;
    high = (high + Number(low >>> 0 < extra >>> 0)) | 0;
  }
  time[0] = low;
  time[1] = high;
}
