/** Longer texts are not stored; see `find`. */
const BYTES_MAX = 64;

/** Words per entry. Two of the eight are unused, so that no entry crosses a cache line. */
const WORDS_SHIFT = 3;
const WORDS = 1 << WORDS_SHIFT;
/** The first four bytes of the text, then the next four. */
const LOW = 0;
const HIGH = 1;
const LENGTH = 2;
const VALUE = 3;
const HASH = 4;
/** Offset of the copy, for a text of more than eight bytes. */
const COPY = 5;

const NOTHING = -1;
const SLOTS_FIRST = 64;

/**
 * Maps the bytes of a text to a small integer without making a string; a column of symbols does this
 * for each row. It is an open-addressing hash table. Texts of up to eight bytes are compared as two
 * words; longer texts are also compared with a copy.
 */
export class ByteTable {
  #entries = emptyEntries(SLOTS_FIRST);
  #count = 0;
  #copies = new Uint8Array(1_024);
  #copiesLength = 0;

  /** Returns the value added for these bytes, or −1. Texts above 64 bytes are never found. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const entries = this.#entries;
    const mask = entries.length - 1;
    const length = end - start;
    const low = packed(bytes, start, length > 4 ? start + 4 : end);
    const high = length > 4 ? packed(bytes, start + 4, length > 8 ? start + 8 : end) : 0;
    const hash = length > 8 ? hashOfRest(bytes, start + 8, end, mixed(low, high)) : mixed(low, high);
    for (let entry = (hash << WORDS_SHIFT) & mask; ; entry = (entry + WORDS) & mask) {
      const value = entries[entry + VALUE]!;
      if (value === NOTHING) return NOTHING;
      if (entries[entry + LOW] !== low || entries[entry + HIGH] !== high) continue;
      if (entries[entry + LENGTH] !== length) continue;
      if (length <= 8 || this.#isCopy(entries[entry + COPY]!, bytes, start, end)) return value;
    }
  }

  /**
   * Adds a text that the table does not have yet. Texts above 64 bytes are ignored.
   *
   * @param value - 0 or more.
   */
  add(bytes: Uint8Array, start: number, end: number, value: number): void {
    const length = end - start;
    if (length > BYTES_MAX) return;
    if ((this.#count + 1) * 2 * WORDS > this.#entries.length) this.#grow();
    const low = packed(bytes, start, Math.min(end, start + 4));
    const high = packed(bytes, start + 4, Math.min(end, start + 8));
    const hash = hashOfRest(bytes, start + 8, end, mixed(low, high));
    const entry = this.#freeAt(hash);
    this.#entries[entry + LOW] = low;
    this.#entries[entry + HIGH] = high;
    this.#entries[entry + LENGTH] = length;
    this.#entries[entry + VALUE] = value;
    this.#entries[entry + HASH] = hash;
    if (length > 8) this.#entries[entry + COPY] = this.#copy(bytes, start, end);
    this.#count++;
  }

  addText(text: string, value: number): void {
    const bytes = Buffer.from(text);
    if (this.find(bytes, 0, bytes.length) < 0) this.add(bytes, 0, bytes.length, value);
  }

  #freeAt(hash: number): number {
    const mask = this.#entries.length - 1;
    let entry = (hash << WORDS_SHIFT) & mask;
    while (this.#entries[entry + VALUE] !== NOTHING) entry = (entry + WORDS) & mask;
    return entry;
  }

  #copy(bytes: Uint8Array, start: number, end: number): number {
    const from = this.#copiesLength;
    while (from + end - start > this.#copies.length) {
      const larger = new Uint8Array(this.#copies.length * 2);
      larger.set(this.#copies);
      this.#copies = larger;
    }
    this.#copies.set(bytes.subarray(start, end), from);
    this.#copiesLength += end - start;
    return from;
  }

  #isCopy(from: number, bytes: Uint8Array, start: number, end: number): boolean {
    const copies = this.#copies;
    for (let at = start; at < end; at++) if (copies[from + at - start] !== bytes[at]) return false;
    return true;
  }

  #grow(): void {
    const old = this.#entries;
    this.#entries = emptyEntries((old.length / WORDS) * 2);
    for (let entry = 0; entry < old.length; entry += WORDS) {
      if (old[entry + VALUE] === NOTHING) continue;
      this.#entries.set(old.subarray(entry, entry + WORDS), this.#freeAt(old[entry + HASH]!));
    }
  }
}

const emptyEntries = (slots: number): Int32Array => new Int32Array(slots * WORDS).fill(NOTHING);

function packed(bytes: Uint8Array, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; at++) word = (word << 8) | bytes[at]!;
  return word;
}

/** Hashes two words; the low bits of the result select the slot. */
function mixed(low: number, high: number): number {
  const hash = Math.imul(Math.imul(low, 0x9e37_79b1) ^ high, 0x85eb_ca6b);
  return hash ^ (hash >>> 15);
}

/** Extends a hash by the bytes after the eighth: FNV-1a with a final mix. */
function hashOfRest(bytes: Uint8Array, start: number, end: number, hash: number): number {
  if (start >= end) return hash;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193);
  return hash ^ (hash >>> 15);
}
