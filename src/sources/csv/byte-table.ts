/** Longer texts are not worth a place; see `find`. */
const BYTES_MAX = 64;

/**
 * From the bytes of a text to a small integer, without making a string: what a column of symbols
 * asks once a row. An open-addressing hash table over copies of the bytes.
 */
export class ByteTable {
  #slots: Int32Array;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #hashes: number[] = [];
  readonly #values: number[] = [];
  #arena = new Uint8Array(1_024);
  #arenaLength = 0;
  /** Entry that was found last: the next row often holds the same text. */
  #last = -1;

  constructor() {
    this.#slots = new Int32Array(64).fill(-1);
  }

  /** What was added for these bytes, or −1. Texts above 64 bytes are never found. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (this.#last >= 0 && this.#isEntry(this.#last, bytes, start, end)) return this.#values[this.#last]!;
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!;
      if (entry < 0) return -1;
      if (this.#hashes[entry] === hash && this.#isEntry(entry, bytes, start, end)) {
        this.#last = entry;
        return this.#values[entry]!;
      }
    }
  }

  /** Adds bytes that are not in yet. Those above 64 are left out. */
  add(bytes: Uint8Array, start: number, end: number, value: number): void {
    const length = end - start;
    if (length > BYTES_MAX) return;
    if ((this.#values.length + 1) * 2 > this.#slots.length) this.#grow();
    while (this.#arenaLength + length > this.#arena.length) {
      const larger = new Uint8Array(this.#arena.length * 2);
      larger.set(this.#arena);
      this.#arena = larger;
    }
    this.#arena.set(bytes.subarray(start, end), this.#arenaLength);
    const hash = hashOf(bytes, start, end);
    this.#starts.push(this.#arenaLength);
    this.#arenaLength += length;
    this.#ends.push(this.#arenaLength);
    this.#hashes.push(hash);
    this.#values.push(value);
    this.#place(hash, this.#values.length - 1);
  }

  addText(text: string, value: number): void {
    const bytes = Buffer.from(text);
    if (this.find(bytes, 0, bytes.length) < 0) this.add(bytes, 0, bytes.length, value);
  }

  #isEntry(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[entry]!;
    const length = end - start;
    if (this.#ends[entry]! - from !== length) return false;
    const arena = this.#arena;
    for (let i = 0; i < length; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  #place(hash: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    this.#hashes.forEach((hash, entry) => {
      this.#place(hash, entry);
    });
  }
}

/** FNV-1a with a final mix, since the low bits pick the slot. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c_9dc5 | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193);
  return hash ^ (hash >>> 15);
}
