import type { ByteWindow } from './byte-window.js';
import { type RowFault, rawRow } from './row-faults.js';
import { SplitRow } from './split-row.js';

const LF = 10;
const CR = 13;
const QUOTE = 34;
/** The result for a decimal point where the value of a digit is computed. */
const DOT_DIGIT = 46 - 48;
/** Any number of this many digits fits 32 bits. */
export const SHORT_DIGITS = 9;
/** Marks a whole number of more than nine digits, in place of the number of decimals. */
export const LONG_WHOLE = -2;
/** Maximum bytes of a row, so that an unclosed quote does not swallow the file. */
export const ROW_BYTES_MAX = 1_048_576;

/** Memory for the results of scans. */
interface ScanMemory {
  readonly bounds: Int32Array;
  readonly numbers: Int32Array;
  readonly starts: Int32Array;
  readonly lines: Int32Array;
}

/**
 * Shared by all open files of a thread: the results of a scan are read, without awaiting anything,
 * before the next scan.
 */
let shared: ScanMemory | undefined;

function scanMemory(rows: number, stride: number): ScanMemory {
  if (shared && shared.starts.length >= rows && shared.bounds.length >= rows * stride) return shared;
  const rowsMax = Math.max(rows, shared?.starts.length ?? 0);
  const boundsMax = Math.max(rows * stride, shared?.bounds.length ?? 0);
  shared = {
    bounds: new Int32Array(boundsMax),
    numbers: new Int32Array(boundsMax),
    starts: new Int32Array(rowsMax),
    lines: new Int32Array(rowsMax),
  };
  return shared;
}

/**
 * Finds rows and the requested fields in one pass over the bytes, without making strings. The fields
 * are then read column by column, each in its own loop.
 *
 * Rows on one line take the fast path, also with quoted fields. A row with a doubled quote, a line end
 * within quotes, or anything unusual goes through `SplitRow`. Blank lines and comments are skipped.
 */
export class RowScanner {
  /**
   * Start and end of the field in slot `f` of row `r`, at `r * stride + 2f`, of rows that it found itself. Valid until the next scan
   * by any scanner of the thread.
   */
  readonly bounds: Int32Array;
  /**
   * Two values for the same field, at the same index. If the field is a number of at most nine digits,
   * with or without a point: its digits as a whole number, and the number of decimals. If it consists of
   * more than nine digits: the lower 32 bits of the number, and `LONG_WHOLE`. Otherwise the second is −1.
   */
  readonly numbers: Int32Array;
  readonly stride: number;
  /** Indexes into `bounds` of fields that hold doubled quotes. */
  readonly doubled = new Set<number>();
  /** Where each row begins in the bytes, and on which line. */
  readonly starts: Int32Array;
  readonly lines: Int32Array;
  /** Rows that could not be split, in order. */
  readonly faults: RowFault[] = [];
  /** Line of the next row, from 1. */
  line = 1;
  /** Offset of a line that is too long, while the rest of it still has to be skipped; otherwise −1. */
  #discardedFrom = -1;
  readonly #fields: readonly number[];
  /** Number of fields to skip before each slot. */
  readonly #skips: Int32Array;
  readonly #header: readonly string[] | undefined;
  readonly #delimiter: number;
  readonly #comment: Uint8Array;
  /** Not 0 for the bytes at which a fast scan stops. */
  readonly #stops: Uint8Array;
  readonly #split = new SplitRow();

  /** @param fields - Numbers of the wanted fields, counted from 0, ascending and distinct; at least one. */
  constructor(fields: readonly number[], rowsMax: number, options: ScanOptions) {
    const { delimiter, comment, header } = options;
    this.#fields = fields;
    this.#header = header;
    this.#skips = Int32Array.from(fields, (field, slot) => field - (slot === 0 ? 0 : fields[slot - 1]! + 1));
    this.stride = 2 * fields.length;
    const { bounds, numbers, starts, lines } = scanMemory(rowsMax, this.stride);
    this.bounds = bounds;
    this.numbers = numbers;
    this.starts = starts;
    this.lines = lines;
    this.#delimiter = delimiter;
    this.#comment = comment;
    this.#stops = new Uint8Array(256);
    for (const byte of [delimiter, LF, CR, QUOTE]) this.#stops[byte] = 1;
  }

  /** Offset in the file at which a restart finds the next row. */
  restartOffset(window: ByteWindow): number {
    return this.#discardedFrom >= 0 ? this.#discardedFrom : window.offsetOf(window.start);
  }

  /** Position after a row of the last scan and its line end. */
  endOf({ bytes, end }: ByteWindow, row: number): number {
    this.#split.split(bytes, this.starts[row]!, end, this.#delimiter);
    return this.#split.next;
  }

  /** Continues at the start of a row, which is on this line of the file. */
  restart(line: number): void {
    this.line = line;
    this.#discardedFrom = -1;
  }

  /** Returns the rows of the last scan from `row` on to the window: the next scan finds them again. */
  giveBack(window: ByteWindow, row: number): void {
    window.start = this.starts[row]!;
    this.restart(this.lines[row]!);
    while (this.faults.length > 0 && this.faults.at(-1)!.row > row) this.faults.pop();
  }

  /**
   * Finds rows in the window, at most `rowsMax`, and moves past them.
   *
   * @returns The number of rows found. Fewer than `rowsMax`: the window has no whole row left.
   */
  scan(window: ByteWindow, rowsMax: number): number {
    return this.begin(window) ? this.scanOn(window, 0, rowsMax) : 0;
  }

  /** Begins another scan. @returns Whether there may be rows in the window. */
  begin(window: ByteWindow): boolean {
    this.faults.length = 0;
    if (this.doubled.size > 0) this.doubled.clear();
    return this.#discardedFrom < 0 || this.#discard(window);
  }

  /** Goes on with a scan that has found so many rows. @returns The number of rows found, those included. */
  scanOn(window: ByteWindow, rowsBefore: number, rowsMax: number): number {
    let rows = rowsBefore;
    while (rows < rowsMax) {
      rows = this.#scanLines(window, rows, rowsMax);
      if (rows >= rowsMax || window.start >= window.end) break;
      // A row of another form, or an incomplete row.
      const found = this.#scanOther(window, rows);
      if (found < 0) break;
      rows += found;
    }
    return rows;
  }

  /**
   * Adds rows of one line each that were found by other means, to a scan that has found so many rows.
   *
   * @param starts - Where each begins.
   * @param end - Where the row after them begins.
   */
  addLines(window: ByteWindow, rowsBefore: number, starts: Int32Array, end: number): void {
    this.starts.set(starts, rowsBefore);
    const rows = rowsBefore + starts.length;
    let line = this.line;
    for (let row = rowsBefore; row < rows; row++) this.lines[row] = line++;
    this.line = line;
    window.start = end;
  }

  /** Scans rows of one line each, up to the first row of another form. */
  #scanLines(window: ByteWindow, rowsBefore: number, rowsMax: number): number {
    const { bytes, linesEnd } = window;
    const { bounds, numbers, starts, lines } = this;
    const stops = this.#stops;
    const skips = this.#skips;
    const slots = skips.length;
    const delimiter = this.#delimiter;
    const fieldsExpected = this.#header?.length ?? 0;
    const fieldsWanted = this.#fields.at(-1)! + 1;
    const comment = this.#comment.length === 0 ? -1 : this.#comment[0]!;
    let rows = rowsBefore;
    let line = this.line;
    let start = window.start;
    let k = rows * this.stride;

    next: while (rows < rowsMax && start < linesEnd) {
      let at = start;
      const first = bytes[at]!;
      if (first <= CR && (first === LF || (first === CR && bytes[at + 1] === LF))) {
        start = at + (first === LF ? 1 : 2);
        line++;
        continue;
      }
      if (first === comment) break;
      // The scans below need no bounds: there is always a line end before `linesEnd`.
      let slot = 0;
      for (;;) {
        for (let left = skips[slot]!; left > 0; left--) {
          if (bytes[at] === QUOTE) at = quotedEnd(bytes, at);
          else while (stops[bytes[at]!] === 0) at++;
          if (bytes[at] !== delimiter) break next;
          at++;
        }
        const isQuoted = bytes[at] === QUOTE;
        if (isQuoted) at++;
        const fieldStart = at;
        // Most fields are short numbers: their digits are collected here, where the bytes are visited
        // anyway, so that a reader does not visit them again.
        let digits = 0;
        let places = 0;
        let digit = bytes[at]! - 48;
        while (digit >>> 0 <= 9) {
          digits = (Math.imul(digits, 10) + digit) | 0;
          digit = bytes[++at]! - 48;
        }
        let length = at - fieldStart;
        if (digit === DOT_DIGIT) {
          const dot = at;
          digit = bytes[++at]! - 48;
          while (digit >>> 0 <= 9) {
            digits = (Math.imul(digits, 10) + digit) | 0;
            digit = bytes[++at]! - 48;
          }
          places = at - dot - 1;
          length += places;
          if (places === 0) length = 0;
        }
        if (stops[digit + 48] === 0) {
          length = 0;
          while (stops[bytes[at]!] === 0) at++;
        }
        const field = k + 2 * slot;
        bounds[field] = fieldStart;
        bounds[field + 1] = at;
        if (isQuoted) {
          if (bytes[at] !== QUOTE) {
            length = 0;
            while (bytes[at] !== QUOTE && bytes[at] !== LF) at++;
            bounds[field + 1] = at;
          }
          if (bytes[at] === LF || !this.#isFieldEnd(bytes, ++at)) break next;
        }
        numbers[field] = digits;
        if (length > 0 && length <= SHORT_DIGITS) numbers[field + 1] = places;
        else numbers[field + 1] = length > 0 && places === 0 ? LONG_WHOLE : -1;
        if (++slot === slots) break;
        if (bytes[at] !== delimiter) break next;
        at++;
      }
      if (bytes[at] === CR && bytes[at + 1] !== LF) break;
      let fieldsFound = fieldsWanted;
      while (bytes[at] !== LF) {
        const byte = bytes[at++];
        if (byte === QUOTE) break next;
        if (byte !== delimiter) continue;
        fieldsFound++;
        if (bytes[at] !== QUOTE) continue;
        at = quotedEnd(bytes, at);
        if (!this.#isFieldEnd(bytes, at)) break next;
      }
      const isAsExpected = fieldsExpected === 0 || fieldsFound === fieldsExpected;
      if (!isAsExpected && !this.#isWhole(fieldsFound, this.#endsEmpty(bytes, at))) break;
      if (at - start > ROW_BYTES_MAX) break;
      starts[rows] = start;
      lines[rows] = line;
      rows++;
      line++;
      k += this.stride;
      start = at + 1;
    }
    window.start = start;
    this.line = line;
    return rows;
  }

  /** @returns 1 for a row, 0 for a comment or a fault, −1 if more bytes are needed. */
  #scanOther(window: ByteWindow, row: number): number {
    const { bytes, start, end } = window;
    if (this.#isComment(window)) {
      const lineEnd = firstLine(window);
      if (lineEnd < 0) return this.#unfinished(window, row, 'comment');
      window.start = lineEnd + 1;
      this.line++;
      return 0;
    }
    const split = this.#split;
    const last = Math.min(end, start + ROW_BYTES_MAX + 1);
    if (!split.split(bytes, start, last, this.#delimiter)) {
      if (split.fault === 'after-quote' && firstLine(window) >= 0) {
        return this.#reject(window, row, 'a delimiter or a line end after the closing quote', 'more text');
      }
      return this.#unfinished(window, row, 'row');
    }
    const wanted = this.#fields.at(-1)! + 1;
    const isLastEmpty = this.#endsEmpty(bytes, split.next - 1);
    if (split.fields < wanted || !this.#isWhole(split.fields, isLastEmpty)) {
      const expected = this.#header
        ? `${this.#header.length} fields, as the header has`
        : `at least ${wanted} fields`;
      this.#add(window, row, split.next, expected, `${split.fields}`);
      window.start = split.next;
      this.line += split.lines;
      return 0;
    }
    this.#fields.forEach((field, slot) => {
      const k = row * this.stride + 2 * slot;
      this.bounds[k] = split.bounds[2 * field]!;
      this.bounds[k + 1] = split.bounds[2 * field + 1]!;
      this.numbers[k + 1] = -1;
      if (split.doubled[field]) this.doubled.add(k);
    });
    this.starts[row] = start;
    this.lines[row] = this.line;
    this.line += split.lines;
    window.start = split.next;
    return 1;
  }

  /**
   * Whether a row has as many fields as the header. One more is allowed if it is empty (the line ends
   * with a delimiter), and one less if the last name of the header is empty.
   */
  #isWhole(fields: number, isLastEmpty: boolean): boolean {
    const header = this.#header;
    if (!header || fields === header.length) return true;
    if (fields === header.length + 1) return isLastEmpty;
    return fields === header.length - 1 && header.at(-1) === '';
  }

  /** Whether a delimiter directly precedes the line end. */
  #endsEmpty(bytes: Uint8Array, lineEnd: number): boolean {
    const last = bytes[lineEnd - 1] === CR ? lineEnd - 2 : lineEnd - 1;
    return bytes[last] === this.#delimiter;
  }

  #isFieldEnd(bytes: Uint8Array, at: number): boolean {
    const byte = bytes[at]!;
    return byte === this.#delimiter || byte === LF || (byte === CR && bytes[at + 1] === LF);
  }

  /** Handles a row that does not end within the data: waits for more bytes, or gives up its first line. */
  #unfinished(window: ByteWindow, row: number, what: 'row' | 'comment'): number {
    const { start, end } = window;
    if (!window.sealed && end - start <= ROW_BYTES_MAX) return -1;
    if (firstLine(window) >= 0) {
      // A quote is open, so the row would continue. After its first line, there may be good rows again.
      return this.#reject(window, row, 'a closing quote', `none in the next ${end - start} bytes`);
    }
    if (what === 'row')
      this.#add(window, row, end, `a row of at most ${ROW_BYTES_MAX} bytes`, 'a longer one');
    this.#discardedFrom = window.offsetOf(start);
    return this.#discard(window) ? 0 : -1;
  }

  #isComment({ bytes, start, end }: ByteWindow): boolean {
    const prefix = this.#comment;
    if (prefix.length === 0 || end - start < prefix.length) return false;
    return prefix.every((byte, i) => bytes[start + i] === byte);
  }

  /** Skips the rest of a line that was given up. */
  #discard(window: ByteWindow): boolean {
    const lineEnd = window.bytes.subarray(window.start, window.end).indexOf(LF);
    window.start = lineEnd < 0 ? window.end : window.start + lineEnd + 1;
    if (lineEnd < 0) return false;
    this.#discardedFrom = -1;
    this.line++;
    return true;
  }

  /** Gives up the first line of the row; a new row starts on the next line. */
  #reject(window: ByteWindow, row: number, expected: string, found: string): number {
    const lineEnd = firstLine(window);
    this.#add(window, row, lineEnd, expected, found);
    window.start = lineEnd + 1;
    this.line++;
    return 0;
  }

  #add(window: ByteWindow, row: number, end: number, expected: string, found: string): void {
    const raw = rawRow(window.bytes, window.start, end);
    this.faults.push({ row, start: window.start, line: this.line, expected, found, raw });
  }
}

/** End of the first line in the window; −1 if there is none, or if it is too far away. */
function firstLine({ bytes, start, end }: ByteWindow): number {
  const found = bytes.subarray(start, Math.min(end, start + ROW_BYTES_MAX + 1)).indexOf(LF);
  return found < 0 ? -1 : start + found;
}

/**
 * Position after the closing quote of a field, if it is on the same line; otherwise the start of the
 * field.
 */
function quotedEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (bytes[at] !== QUOTE && bytes[at] !== LF) at++;
  return bytes[at] === QUOTE ? at + 1 : start;
}

export interface ScanOptions extends RowForm {
  /** Names of the fields, if known: each row must have as many fields. */
  readonly header: readonly string[] | undefined;
}

/** How rows and fields are separated. */
export interface RowForm {
  readonly delimiter: number;
  /** Prefix of comment lines; empty if there are no comments. */
  readonly comment: Uint8Array;
}
