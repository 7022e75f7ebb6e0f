/** A growing byte array. The result of `view` is valid until the next write. */
export class ByteBuffer {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1_024) {
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends an unsigned LEB128 integer, below 2⁵³. */
  varint(value: number): void {
    this.reserve(8);
    while (value > 127) {
      this.bytes[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.bytes[this.length++] = value;
  }

  /** Appends a 64-bit integer as a zigzag varint. */
  zigzag(value: bigint): void {
    this.reserve(10);
    let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (left > 127n) {
      this.bytes[this.length++] = Number(left & 127n) | 128;
      left >>= 7n;
    }
    this.bytes[this.length++] = Number(left);
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
