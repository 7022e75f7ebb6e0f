import { parseDecimal } from '../../formats/csv/decimal.js';
import { DecimalTexts, plainTextEnd, skipBlanks, WholeNumbers } from './json-bytes.js';
import type { Levels } from './levels.js';

const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN = 123;
const CLOSE = 125;

/** Keys of one letter have its code as their slot. Those below 32 are free: such letters are not allowed in JSON. */
const SLOTS = 128;
const NO_SLOT = 0;
/** Slot of the key `pu`. */
export const PREVIOUS = 1;
/** The slot of a key of one letter. */
export const slotOf = (letter: string): number => letter.charCodeAt(0);
const BIDS = slotOf('b');
const ASKS = slotOf('a');

const TEXT = 1;
const NUMBER = 2;
const TRUE = 3;
const FALSE = 4;
const NULL = 5;
const LEVELS = 6;
/** A text that is a plain decimal number. */
const DECIMAL = 7;
const OBJECT = 8;
const STAMP_MAX = 2 ** 31 - 1;

/** What is read that is nested in a message. All else that is, is left to `JSON.parse`. */
export interface NestedFields {
  /** Where the lists `b` and `a` of updates of a book go. */
  readonly levels?: { readonly bids: Levels; readonly asks: Levels };
  /** An object in a field, and what its fields are read by. */
  readonly object?: { readonly slot: number; readonly fields: MessageFields };
}

/**
 * The values of a message of the venue, found in its bytes: no text and no object is made. It reads a flat object whose
 * keys of interest have one letter, alone or as `data` of `{"stream":…,"data":…}`, in any order and with blanks. What is
 * not as plain (an escape, a letter outside ASCII, a number with a fraction, something nested) it leaves to
 * `JSON.parse`: `read` says no. It says yes only to what `JSON.parse` reads in the same way.
 */
export class MessageFields {
  readonly #kinds = new Uint8Array(SLOTS);
  /** Of a text: its place between the quotes. */
  readonly #starts = new Int32Array(SLOTS);
  readonly #ends = new Int32Array(SLOTS);
  readonly #numbers = new Float64Array(SLOTS);
  /** Which message a slot was filled by. */
  readonly #stamps = new Int32Array(SLOTS);
  readonly #whole = new WholeNumbers();
  readonly #decimal = new DecimalTexts();
  readonly #bids: Levels | undefined;
  readonly #asks: Levels | undefined;
  readonly #objectAt: number;
  readonly #inner: MessageFields | undefined;
  #stamp = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor({ levels, object }: NestedFields = {}) {
    this.#bids = levels?.bids;
    this.#asks = levels?.asks;
    this.#objectAt = object?.slot ?? -1;
    this.#inner = object?.fields;
  }

  /** Reads a message. @returns Whether all of it was plain; else its fields mean nothing. */
  read(bytes: Uint8Array): boolean {
    this.#begin(bytes);
    const at = skipBlanks(bytes, 0);
    if (bytes[at] !== OPEN) return false;
    const first = skipBlanks(bytes, at + 1);
    const end = isEnvelope(bytes, first) ? this.#envelope(bytes, first) : this.#members(bytes, first);
    return end > 0 && skipBlanks(bytes, end) === bytes.length;
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    if (this.#stamp === STAMP_MAX) {
      this.#stamps.fill(0);
      this.#stamp = 0;
    }
    this.#stamp++;
  }

  has(slot: number): boolean {
    return this.#stamps[slot] === this.#stamp;
  }

  /** @returns A whole number of 0 or more; −1 if the field is not there or is something else. */
  whole(slot: number): number {
    return this.has(slot) && this.#kinds[slot] === NUMBER ? this.#numbers[slot]! : -1;
  }

  /** @returns The decimal number in a text; NaN if the field is not there or is something else. */
  decimal(slot: number): number {
    if (!this.has(slot)) return Number.NaN;
    if (this.#kinds[slot] === DECIMAL) return this.#numbers[slot]!;
    if (this.#kinds[slot] !== TEXT) return Number.NaN;
    return parseDecimal(this.#bytes, this.#starts[slot]!, this.#ends[slot]!, 0);
  }

  /** @returns 1 or 0; −1 if the field is not there or is something else. */
  flag(slot: number): number {
    if (!this.has(slot)) return -1;
    return this.#kinds[slot] === TRUE ? 1 : this.#kinds[slot] === FALSE ? 0 : -1;
  }

  isText(slot: number): boolean {
    return this.has(slot) && (this.#kinds[slot] === TEXT || this.#kinds[slot] === DECIMAL);
  }

  isLevels(slot: number): boolean {
    return this.has(slot) && this.#kinds[slot] === LEVELS;
  }

  isObject(slot: number): boolean {
    return this.has(slot) && this.#kinds[slot] === OBJECT;
  }

  /** Whether the field is this text. */
  isThis(slot: number, text: Uint8Array): boolean {
    if (!this.isText(slot)) return false;
    const start = this.#starts[slot]!;
    if (this.#ends[slot]! - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.#bytes[start + i] !== text[i]) return false;
    return true;
  }

  /** Place of a text, between its quotes. */
  start(slot: number): number {
    return this.#starts[slot]!;
  }

  end(slot: number): number {
    return this.#ends[slot]!;
  }

  /** @param at - At the first key. @returns Just behind the object; −1 if it is not plain. */
  #envelope(bytes: Uint8Array, at: number): number {
    let hasData = false;
    for (;;) {
      if (bytes[at] !== QUOTE) return -1;
      const key = at + 1;
      at = plainTextEnd(bytes, key);
      if (at < 0) return -1;
      const isData = at - key === 4 && isWord(bytes, key, DATA);
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      if (bytes[at] !== COLON) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      if (isData) {
        if (hasData || bytes[at] !== OPEN) return -1;
        hasData = true;
        at = this.#members(bytes, skipBlanks(bytes, at + 1));
        if (at < 0) return -1;
      } else {
        if (bytes[at] !== QUOTE) return -1;
        at = plainTextEnd(bytes, at + 1) + 1;
        if (at === 0) return -1;
      }
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      if (bytes[at] === CLOSE) return hasData ? at + 1 : -1;
      if (bytes[at] !== COMMA) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
    }
  }

  /** @param at - At the first key, or at the end of an object without any. */
  #members(bytes: Uint8Array, at: number): number {
    if (bytes[at] === CLOSE) return at + 1;
    for (;;) {
      if (bytes[at] !== QUOTE) return -1;
      let slot = bytes[at + 1]!;
      if (bytes[at + 2] === QUOTE && slot >= 32 && slot < 127 && slot !== QUOTE && slot !== 92) at += 3;
      else {
        const key = at + 1;
        at = plainTextEnd(bytes, key);
        if (at < 0) return -1;
        const isPrevious = at - key === 2 && bytes[key] === 112 && bytes[key + 1] === 117; // "pu"
        // An object within an object may be the message: `JSON.parse` will tell.
        if (at - key === 4 && isWord(bytes, key, DATA)) return -1;
        slot = isPrevious ? PREVIOUS : NO_SLOT;
        at++;
      }
      if (bytes[at] !== COLON) {
        if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
        if (bytes[at] !== COLON) return -1;
      }
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      at = this.#value(bytes, at, slot);
      if (at < 0) return -1;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      if (bytes[at] === CLOSE) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
    }
  }

  #value(bytes: Uint8Array, at: number, slot: number): number {
    const byte = bytes[at]!;
    let kind = TEXT;
    if (byte === QUOTE) {
      const first = bytes[at + 1]!;
      const number = first >= 48 && first <= 57 ? this.#decimal.read(bytes, at + 1) : Number.NaN;
      let end = this.#decimal.end;
      if (Number.isNaN(number)) {
        end = plainTextEnd(bytes, at + 1);
        if (end < 0) return -1;
      } else {
        kind = DECIMAL;
        this.#numbers[slot] = number;
      }
      this.#starts[slot] = at + 1;
      this.#ends[slot] = end;
      at = end + 1;
    } else if (byte >= 48 && byte <= 57) {
      const value = this.#whole.read(bytes, at);
      if (value < 0) return -1;
      this.#numbers[slot] = value;
      kind = NUMBER;
      at = this.#whole.end;
    } else if (byte === OPEN_LIST) {
      const into = slot === BIDS ? this.#bids : slot === ASKS ? this.#asks : undefined;
      if (into === undefined || this.has(slot)) return -1;
      kind = LEVELS;
      at = this.#levels(bytes, at + 1, into);
      if (at < 0) return -1;
    } else if (byte === OPEN) {
      if (this.#inner === undefined || slot !== this.#objectAt) return -1;
      kind = OBJECT;
      this.#inner.#begin(bytes);
      at = this.#inner.#members(bytes, skipBlanks(bytes, at + 1));
      if (at < 0) return -1;
    } else {
      const word = byte === 116 ? WORD_TRUE : byte === 102 ? WORD_FALSE : WORD_NULL;
      if (!isWord(bytes, at, word)) return -1;
      kind = byte === 116 ? TRUE : byte === 102 ? FALSE : NULL;
      at += word.length;
    }
    this.#kinds[slot] = kind;
    this.#stamps[slot] = this.#stamp;
    return at;
  }

  /** @param at - Behind the `[` of `[["price","size"],…]`. @returns Just behind the list; −1 if it is not plain. */
  #levels(bytes: Uint8Array, at: number, into: Levels): number {
    into.clear();
    if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
    if (bytes[at] === CLOSE_LIST) return at + 1;
    for (;;) {
      if (bytes[at] !== OPEN_LIST) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      const price = this.#levelNumber(bytes, at);
      at = skipBlanks(bytes, this.#decimal.end + 1);
      if (bytes[at] !== COMMA) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      const size = this.#levelNumber(bytes, at);
      at = skipBlanks(bytes, this.#decimal.end + 1);
      if (bytes[at] !== CLOSE_LIST || Number.isNaN(price) || Number.isNaN(size)) return -1;
      into.add(price, size);
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
      if (bytes[at] === CLOSE_LIST) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at++;
      if (bytes[at]! <= SPACE) at = skipBlanks(bytes, at);
    }
  }

  /** @returns NaN if it is not plain. Else `end` of the reader is at its closing quote. */
  #levelNumber(bytes: Uint8Array, at: number): number {
    return bytes[at] === QUOTE ? this.#decimal.read(bytes, at + 1) : Number.NaN;
  }
}

const asciiOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const DATA = asciiOf('data');
const STREAM = asciiOf('"stream"');
const QUOTED_DATA = asciiOf('"data"');
const WORD_TRUE = asciiOf('true');
const WORD_FALSE = asciiOf('false');
const WORD_NULL = asciiOf('null');

const isEnvelope = (bytes: Uint8Array, at: number): boolean =>
  isWord(bytes, at, STREAM) || isWord(bytes, at, QUOTED_DATA);

function isWord(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}
