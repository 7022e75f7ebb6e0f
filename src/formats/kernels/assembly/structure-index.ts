import { LINES, ROWS_MAX, SEPARATORS, SEPARATORS_MAX } from './memory';
import { CARRIAGE_RETURN, NEWLINE, QUOTE } from './vectors';

/** Whether the last index met quotes around fields, and whether it stopped at others. */
export let hasQuotes: bool = false;
let hasOddQuotes: bool = false;

export function metOddQuotes(): bool {
  return hasOddQuotes;
}

@inline
function bits(a: v128, b: v128, c: v128, d: v128): u64 {
  return (
    (<u64>(<u32>i8x16.bitmask(a))) |
    ((<u64>(<u32>i8x16.bitmask(b))) << 16) |
    ((<u64>(<u32>i8x16.bitmask(c))) << 32) |
    ((<u64>(<u32>i8x16.bitmask(d))) << 48)
  );
}

/** Sets each bit from one set bit (inclusive) to the next one (exclusive). */
@inline
function between(quotes: u64): u64 {
  let within = quotes ^ (quotes << 1);
  within ^= within << 2;
  within ^= within << 4;
  within ^= within << 8;
  within ^= within << 16;
  return within ^ (within << 32);
}

/** Writes the addresses of set bits: six at a time, whether there are so many or not, or branches would be missed. */
@inline
function noteHalf(out: usize, at: u32, bits: u32): void {
  let to = out;
  let left = bits;
  for (let more = <i32>popcnt(bits); more > 0; more -= 6, to += 24) {
    store<u32>(to, at + ctz(left));
    left &= left - 1;
    store<u32>(to, at + ctz(left), 4);
    left &= left - 1;
    store<u32>(to, at + ctz(left), 8);
    left &= left - 1;
    store<u32>(to, at + ctz(left), 12);
    left &= left - 1;
    store<u32>(to, at + ctz(left), 16);
    left &= left - 1;
    store<u32>(to, at + ctz(left), 20);
    left &= left - 1;
  }
}

/**
 * Notes all line ends and delimiters outside of quotes, 64 bytes a turn.
 *
 * It stops, with `metOddQuotes`, where quotes are not around whole fields of one line: a quote within a bare field,
 * a doubled quote, a line end within quotes. What it has noted until then is right.
 *
 * @param from - A line begins there.
 * @returns The line ends found. At `LINES` is the place of each among the separators.
 */
export function findStructure(from: usize, to: usize, delimiter: i32): i32 {
  const delimiters = i8x16.splat(<i8>delimiter);
  const newlines = v128.load(NEWLINE);
  const quoteMarks = v128.load(QUOTE);
  const returns = v128.load(CARRIAGE_RETURN);
  const lastOut = SEPARATORS + (<usize>SEPARATORS_MAX - 64) * 4;
  store<u32>(SEPARATORS, <u32>from - 1, 0);
  let out = SEPARATORS + 4;
  let lines: i32 = 0;
  hasQuotes = false;
  hasOddQuotes = false;
  let inQuotes: u64 = 0; // all bits, where the last turn ended within quotes
  let afterClose: u64 = 0; // whether the last turn ended with a closing quote
  let afterReturn: u64 = 0; // whether it ended with a closing quote and a carriage return
  let afterSeparator: u64 = 1;
  for (let at = from; at < to && out <= lastOut && lines < ROWS_MAX; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    let ends = bits(
      i8x16.eq(a, newlines),
      i8x16.eq(b, newlines),
      i8x16.eq(c, newlines),
      i8x16.eq(d, newlines),
    );
    let separators =
      ends |
      bits(
        i8x16.eq(a, delimiters),
        i8x16.eq(b, delimiters),
        i8x16.eq(c, delimiters),
        i8x16.eq(d, delimiters),
      );
    const whole: u64 = to - at >= 64 ? ~0 : (<u64>1 << <u64>(to - at)) - 1;
    ends &= whole;
    separators &= whole;
    const qa = i8x16.eq(a, quoteMarks);
    const qb = i8x16.eq(b, quoteMarks);
    const qc = i8x16.eq(c, quoteMarks);
    const qd = i8x16.eq(d, quoteMarks);
    if (
      v128.any_true(v128.or(v128.or(qa, qb), v128.or(qc, qd))) ||
      (inQuotes | afterClose | afterReturn) != 0
    ) {
      const quotes = bits(qa, qb, qc, qd) & whole;
      const within = between(quotes) ^ inQuotes;
      const closing = quotes & ~within;
      const lineEndsWithin = ends & within;
      const carriage = bits(
        i8x16.eq(a, returns),
        i8x16.eq(b, returns),
        i8x16.eq(c, returns),
        i8x16.eq(d, returns),
      );
      ends &= ~within;
      separators &= ~within;
      const opened = quotes & within;
      const closed = (closing << 1) | afterClose;
      const closedLines = closed & carriage;
      const wrong =
        lineEndsWithin |
        (opened & ~((separators << 1) | afterSeparator)) |
        (closed & ~(separators | carriage)) |
        (((closedLines << 1) | afterReturn) & ~ends);
      if ((wrong & whole) != 0) {
        hasOddQuotes = true;
        break;
      }
      if (quotes != 0) hasQuotes = true;
      inQuotes = <u64>(<i64>within >> 63);
      afterClose = closing >> 63;
      afterReturn = closedLines >> 63;
    }
    afterSeparator = separators >> 63;

    const before = <u32>((out - SEPARATORS) >> 2) - 1;
    const linesFound = <i32>popcnt(ends);
    let toLine = LINES + (<usize>lines << 2);
    let left = ends;
    for (let more = linesFound; more > 0; more -= 2, toLine += 8) {
      store<u32>(toLine, before + <u32>popcnt(separators & ((left & -left) - 1)));
      left &= left - 1;
      store<u32>(toLine, before + <u32>popcnt(separators & ((left & -left) - 1)), 4);
      left &= left - 1;
    }
    lines += linesFound;
    // Each half on its own, so that the two do not wait for one another.
    const low = <u32>separators;
    const high = <u32>(separators >> 32);
    const outHigh = out + (<usize>popcnt(low) << 2);
    noteHalf(out, <u32>at, low);
    noteHalf(outHigh, <u32>at + 32, high);
    out = outHigh + (<usize>popcnt(high) << 2);
  }
  return lines;
}
