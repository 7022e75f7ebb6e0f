const wide = new BigInt64Array(2);
const words = new Int32Array(wide.buffer);
const unsigned = new Uint32Array(wide.buffer);
/** Index of the low word on this machine. */
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/**
 * Converts a 64-bit integer to a number without the heap object that `Number(value)` allocates: 20 ns
 * less where `tryAcquire` refuses (bench `try-acquire`). Exact up to 2⁵³
 * (ns: 104 days), and the nearest double beyond.
 */
export function toNumber(value: bigint): number {
  wide[0] = value;
  return words[HIGH]! * 0x1_0000_0000 + unsigned[LOW]!;
}

/**
 * `to` less `from`, without a heap object: 20 ns less than a subtraction of bigints that ends in a number.
 * Exact up to 2⁵³ either way, and the nearest double beyond.
 */
export function differenceOf(to: bigint, from: bigint): number {
  wide[0] = to;
  wide[1] = from;
  const high = words[HIGH]! - words[2 + HIGH]!;
  return high * 0x1_0000_0000 + (unsigned[LOW]! - unsigned[2 + LOW]!);
}
