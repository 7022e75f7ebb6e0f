import {
  BLOCK_END,
  CODES_OF_DISTANCES,
  CODES_OF_LENGTHS,
  CODES_OF_SYMBOLS,
  FURTHER,
  LITERAL,
  makeTable,
  NONE,
} from './huffman';
import {
  CODE_LENGTHS,
  DISTANCE_BITS,
  DISTANCES,
  HISTORY,
  HISTORY_BYTES,
  LENGTHS,
  OUTPUT,
  SYMBOL_BITS,
  SYMBOLS,
} from './memory';

/** Results of `inflate`. */
const NEEDS_INPUT: i32 = 0;
const IS_FULL: i32 = 1;
const IS_OVER: i32 = 2;
const IS_WRONG: i32 = 3;

/** More bytes than the front of a block has, or one symbol with its match and what is loaded ahead. */
const HEADER_BYTES: usize = 640;
const SYMBOL_BYTES: usize = 32;
const LENGTH_ORDER = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

/** Between blocks; in a stored one; in one with codes. */
const BETWEEN: i32 = 0;
const STORED: i32 = 1;
const CODED: i32 = 2;

let state: i32 = BETWEEN;
let isLastBlock: bool = false;
let storedLeft: usize = 0;

/** Bits that were loaded and not passed yet. */
let held: u64 = 0;
let bits: u64 = 0;
/** Where the next bytes are loaded from, and where the next one goes. */
let input: usize = 0;
let output: usize = OUTPUT;
/** Where the first byte of this stream is, or would be; no match begins before it. */
let front: usize = OUTPUT;

/** Begins with another stream, whose bytes go after those of the one before. */
export function beginStream(): void {
  state = BETWEEN;
  isLastBlock = false;
  held = 0;
  bits = 0;
  front = output;
}

/** Keeps the last bytes as history, and begins at `OUTPUT` again. */
export function beginOutput(): void {
  const moved = output - OUTPUT;
  if (moved === 0) return;
  memory.copy(HISTORY, output - HISTORY_BYTES, HISTORY_BYTES);
  front = front > HISTORY + moved ? front - moved : HISTORY;
  output = OUTPUT;
}

/** Address after the last byte that was taken, and after the last one that was made. */
export function inputEnd(): usize {
  return input;
}
export function outputEnd(): usize {
  return output;
}

@inline
function refill(): void {
  held |= load<u64>(input) << bits;
  input += <usize>((63 - bits) >> 3);
  bits |= 56;
}

@inline
function take(count: u64): u32 {
  const value = <u32>(held & ((<u64>1 << count) - 1));
  held >>= count;
  bits -= count;
  return value;
}

/** Gives back the whole bytes that were loaded and not passed. */
function giveBack(): void {
  input -= <usize>(bits >> 3);
  bits &= 7;
  held &= (<u64>1 << bits) - 1;
}

/**
 * Unpacks from a stream of deflate (RFC 1951).
 *
 * @param from - Where its next byte is.
 * @param to - Where its bytes end. If `isLast`, zeros follow these.
 * @param limit - Where it stops, up to a match later.
 * @returns 0 if it needs more input, 1 if it came to the limit, 2 at the end of the stream, 3 if the data are wrong,
 *   or not understood.
 */
export function inflate(from: usize, to: usize, isLast: bool, limit: usize): i32 {
  input = from;
  const result = go(to, isLast, limit);
  giveBack();
  return input > to ? IS_WRONG : result;
}

function go(to: usize, isLast: bool, limit: usize): i32 {
  for (;;) {
    if (state === BETWEEN) {
      if (isLastBlock) return IS_OVER;
      if (!isLast && input + HEADER_BYTES > to) return NEEDS_INPUT;
      if (!readHeader()) return IS_WRONG;
      if (input - <usize>(bits >> 3) > to) return IS_WRONG;
      continue;
    }
    if (state === STORED) {
      if (storedLeft === 0) {
        state = BETWEEN;
        continue;
      }
      if (output >= limit) return IS_FULL;
      const count = min(storedLeft, min(to > input ? to - input : 0, limit - output));
      if (count === 0) return isLast ? IS_WRONG : NEEDS_INPUT;
      memory.copy(output, input, count);
      output += count;
      input += count;
      storedLeft -= count;
      continue;
    }
    const result = readCodes(isLast ? to + 8 : to - SYMBOL_BYTES, limit);
    if (result === IS_OVER) {
      giveBack();
      state = BETWEEN;
      continue;
    }
    if (result !== NEEDS_INPUT) return result;
    return isLast ? IS_WRONG : NEEDS_INPUT;
  }
}

/** Reads the front of a block. @returns Whether it is right. */
function readHeader(): bool {
  refill();
  isLastBlock = take(1) === 1;
  const kind = take(2);
  if (kind === 0) {
    take(bits & 7);
    giveBack();
    const length = <u32>load<u16>(input);
    if ((length ^ load<u16>(input, 2)) !== 0xffff) return false;
    input += 4;
    held = 0;
    bits = 0;
    storedLeft = length;
    state = STORED;
    return true;
  }
  state = CODED;
  if (kind === 1) {
    memory.fill(LENGTHS, 8, 144);
    memory.fill(LENGTHS + 144, 9, 112);
    memory.fill(LENGTHS + 256, 7, 24);
    memory.fill(LENGTHS + 280, 8, 8);
    memory.fill(LENGTHS + 288, 5, 32);
    return makeTables(288, 32);
  }
  if (kind !== 2) return false;
  const symbols = <i32>take(5) + 257;
  const distances = <i32>take(5) + 1;
  const lengths = <i32>take(4) + 4;
  if (symbols > 286 || distances > 30) return false;
  memory.fill(LENGTHS, 0, 19);
  for (let i = 0; i < lengths; i++) {
    refill();
    store<u8>(LENGTHS + load<u8>(LENGTH_ORDER + i), <u8>take(3));
  }
  if (!makeTable(CODES_OF_LENGTHS, LENGTHS, 19, CODE_LENGTHS, 7)) return false;
  const count = symbols + distances;
  for (let i = 0; i < count; ) {
    refill();
    const entry = load<u32>(CODE_LENGTHS + (<usize>(held & 127) << 2));
    take(entry & 63);
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(LENGTHS + i, <u8>symbol);
      i++;
      continue;
    }
    if (symbol === 16 && i === 0) return false;
    const value = symbol === 16 ? load<u8>(LENGTHS + i - 1) : 0;
    const times = <i32>(symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7));
    if (i + times > count) return false;
    memory.fill(LENGTHS + i, value, times);
    i += times;
  }
  if (load<u8>(LENGTHS + 256) === 0) return false;
  return makeTables(symbols, distances);
}

function makeTables(symbols: i32, distances: i32): bool {
  return (
    makeTable(CODES_OF_SYMBOLS, LENGTHS, symbols, SYMBOLS, SYMBOL_BITS) &&
    makeTable(CODES_OF_DISTANCES, LENGTHS + symbols, distances, DISTANCES, DISTANCE_BITS)
  );
}

@inline
function symbolAt(held: u64): u32 {
  return load<u32>(SYMBOLS + (<usize>(held & ((1 << SYMBOL_BITS) - 1)) << 2));
}

/**
 * Reads symbols of a block with codes.
 *
 * @param stop - Where no more is loaded.
 */
function readCodes(stop: usize, limit: usize): i32 {
  // In local variables, since each store to memory would make V8 load the others again.
  let hold = held;
  let left = bits;
  let from = input;
  let out = output;
  const least = front;
  let result = NEEDS_INPUT;
  for (;;) {
    if (out >= limit) {
      result = IS_FULL;
      break;
    }
    if (from > stop) break;
    hold |= load<u64>(from) << left;
    from += <usize>((63 - left) >> 3);
    left |= 56;
    // At most two literals of at most 11 bits, then a length of at most 20.
    let entry = symbolAt(hold);
    if ((entry & LITERAL) !== 0) {
      hold >>= <u64>entry;
      left -= entry & 63;
      store<u8>(out++, <u8>(entry >> 16));
      entry = symbolAt(hold);
      if ((entry & LITERAL) !== 0) {
        hold >>= <u64>entry;
        left -= entry & 63;
        store<u8>(out++, <u8>(entry >> 16));
        entry = symbolAt(hold);
        if ((entry & LITERAL) !== 0) {
          hold >>= <u64>entry;
          left -= entry & 63;
          store<u8>(out++, <u8>(entry >> 16));
          continue;
        }
      }
    }
    if ((entry & FURTHER) !== 0) {
      if ((entry & (BLOCK_END | NONE)) === 0) {
        const mask = (<u64>1 << ((entry >> 8) & 15)) - 1;
        entry = load<u32>(SYMBOLS + (<usize>((entry >> 16) + ((hold >> SYMBOL_BITS) & mask)) << 2));
      }
      if ((entry & LITERAL) !== 0) {
        hold >>= <u64>entry;
        left -= entry & 63;
        store<u8>(out++, <u8>(entry >> 16));
        continue;
      }
      if ((entry & FURTHER) !== 0) {
        hold >>= <u64>entry;
        left -= entry & 63;
        result = (entry & BLOCK_END) !== 0 ? IS_OVER : IS_WRONG;
        break;
      }
    }
    const length = (entry >> 16) + <u32>((hold & ((<u64>1 << <u64>entry) - 1)) >> ((entry >> 8) & 15));
    hold >>= <u64>entry;
    left -= entry & 63;

    hold |= load<u64>(from) << left;
    from += <usize>((63 - left) >> 3);
    left |= 56;
    entry = load<u32>(DISTANCES + (<usize>(hold & ((1 << DISTANCE_BITS) - 1)) << 2));
    if ((entry & FURTHER) !== 0) {
      if ((entry & NONE) === 0) {
        const mask = (<u64>1 << ((entry >> 8) & 15)) - 1;
        entry = load<u32>(DISTANCES + (<usize>((entry >> 16) + ((hold >> DISTANCE_BITS) & mask)) << 2));
      }
      if ((entry & FURTHER) !== 0) {
        result = IS_WRONG;
        break;
      }
    }
    const distance = (entry >> 16) + <u32>((hold & ((<u64>1 << <u64>entry) - 1)) >> ((entry >> 8) & 15));
    hold >>= <u64>entry;
    left -= entry & 63;
    if (distance > <u32>(out - least)) {
      result = IS_WRONG;
      break;
    }
    const end = out + length;
    let match = out - distance;
    if (distance >= 16) {
      do {
        v128.store(out, v128.load(match));
        out += 16;
        match += 16;
      } while (out < end);
    } else if (distance >= 8) {
      do {
        store<u64>(out, load<u64>(match));
        out += 8;
        match += 8;
      } while (out < end);
    } else {
      do {
        store<u8>(out++, load<u8>(match++));
      } while (out < end);
    }
    out = end;
  }
  held = hold;
  bits = left;
  input = from;
  output = out;
  return result;
}
