import { HEADS, TAILS, TENS, VECTORS, WITHOUT } from './memory';

/** 16 times the same byte. */
export const ZERO_DIGIT: usize = VECTORS;
export const DOT: usize = VECTORS + 16;
export const NINE: usize = VECTORS + 32;
export const NEWLINE: usize = VECTORS + 48;
export const QUOTE: usize = VECTORS + 64;
export const CARRIAGE_RETURN: usize = VECTORS + 80;
/** Weights that make pairs of digits, then pairs of these, then pairs of those. */
export const BY_10: usize = VECTORS + 96;
export const BY_100: usize = VECTORS + 112;
export const BY_10000: usize = VECTORS + 128;
/** Moves the first nine bytes to the end. */
export const NINE_TO_END: usize = VECTORS + 144;
/** 10⁸ twice, as doubles and as words: the weight of the upper eight of 16 digits. */
export const UPPER_8: usize = VECTORS + 160;
export const UPPER_8_WORDS: usize = VECTORS + 176;

function fill(): void {
  v128.store(ZERO_DIGIT, i8x16.splat(48));
  v128.store(DOT, i8x16.splat(46));
  v128.store(NINE, i8x16.splat(9));
  v128.store(NEWLINE, i8x16.splat(10));
  v128.store(QUOTE, i8x16.splat(34));
  v128.store(CARRIAGE_RETURN, i8x16.splat(13));
  v128.store(BY_10, i16x8(10, 1, 10, 1, 10, 1, 10, 1));
  v128.store(BY_100, i16x8(100, 1, 100, 1, 100, 1, 100, 1));
  v128.store(BY_10000, i16x8(10_000, 1, 10_000, 1, 10_000, 1, 10_000, 1));
  v128.store(NINE_TO_END, i8x16(-1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8));
  v128.store(UPPER_8, f64x2.splat(1e8));
  v128.store(UPPER_8_WORDS, i32x4.splat(100_000_000));
  for (let n = 0; n < 32; n++) {
    for (let i = 0; i < 16; i++) store<u8>(TAILS + n * 16 + i, i >= 16 - n ? 255 : 0);
  }
  for (let n = 0; n <= 16; n++) {
    for (let i = 0; i < 16; i++) {
      store<u8>(HEADS + n * 16 + i, i < n ? 255 : 0);
      const without = n === 16 || i > n ? i : i === 0 ? 255 : i - 1;
      store<u8>(WITHOUT + n * 16 + i, without);
    }
  }
  let power: f64 = 1; // products of exact powers stay exact up to 10²²
  for (let n = 0; n <= 22; n++, power *= 10) store<f64>(TENS + n * 8, power);
}

fill();

/** An exact power of ten, up to 22. */
@inline
export function ten(power: i32): f64 {
  return load<f64>(TENS + (<usize>power << 3));
}

/** The mask of the last `length` bytes of a vector. Of a length above 16, the caller must make sure of itself. */
@inline
export function tail(length: i32): v128 {
  return v128.load(TAILS + ((<usize>length & 31) << 4));
}

/**
 * The numbers of two times 16 digits, each as its upper and its lower eight: four lanes of 32 bits.
 *
 * @param x - Values of digits, one a byte, the last one in the last byte.
 */
@inline
export function numbersOf(x: v128, y: v128, by10: v128, by100: v128, by10000: v128): v128 {
  const x2 = i16x8.narrow_i32x4_s(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(x), by10),
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(x), by10),
  );
  const y2 = i16x8.narrow_i32x4_s(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(y), by10),
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(y), by10),
  );
  const xy4 = i16x8.narrow_i32x4_s(i32x4.dot_i16x8_s(x2, by100), i32x4.dot_i16x8_s(y2, by100));
  return i32x4.dot_i16x8_s(xy4, by10000);
}

/** The same numbers, of 64 bits each. */
@inline
export function united(numbers: v128, upper8: v128): v128 {
  return i64x2.add(
    i64x2.extmul_low_i32x4_u(v128.shuffle<i32>(numbers, numbers, 0, 2, 0, 2), upper8),
    i64x2.extend_low_i32x4_u(v128.shuffle<i32>(numbers, numbers, 1, 3, 1, 3)),
  );
}
