const wide = new BigInt64Array(1);
const words = new Int32Array(wide.buffer);
const unsigned = new Uint32Array(wide.buffer);
/** Where the low word lies on this machine. */
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/**
 * A 64-bit integer as a number, without the heap object that `Number(value)` makes of it: 20 ns less
 * where `tryAcquire` refuses (bench `try-acquire`). Exact up to 2⁵³.
 */
export function toNumber(value: bigint): number {
  wide[0] = value;
  return words[HIGH]! * 0x1_0000_0000 + unsigned[LOW]!;
}
