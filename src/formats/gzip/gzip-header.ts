import { NotUnderstoodError } from './unpacker.js';

const FIXED_BYTES = 10;
const DEFLATE = 8;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;
/** With a checksum of its own, or with flags that no one has given a meaning. */
const UNUSUAL = 0b1110_0010;

/**
 * The length of the header of a gzip member at the front of some bytes; `undefined` if it goes on behind them.
 *
 * @throws {NotUnderstoodError} if it is none, or unusual.
 * @see RFC 1952, 2.3.
 */
export function gzipHeaderLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const flags = bytes[3]!;
  const isUsual = bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === DEFLATE && (flags & UNUSUAL) === 0;
  if (!isUsual) throw new NotUnderstoodError();
  let length = FIXED_BYTES;
  if ((flags & HAS_EXTRA) !== 0) {
    if (bytes.length < length + 2) return undefined;
    length += 2 + bytes[length]! + 256 * bytes[length + 1]!;
  }
  for (const flag of [HAS_NAME, HAS_COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, length);
    if (end < 0) return undefined;
    length = end + 1;
  }
  return length > bytes.length ? undefined : length;
}
