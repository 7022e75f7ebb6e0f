const LF = 10;
const CR = 13;
const QUOTE = 34;

/** Why a row could not be split: the data ends within it, or there is text after a closing quote. */
export type SplitFault = 'unfinished' | 'after-quote';

/** Splits rows into fields of any form. One object is reused for all rows. */
export class SplitRow {
  /** Start and end of field `i` at `2i` and `2i + 1`, without the quotes around it. */
  readonly bounds: number[] = [];
  /** For each field, whether it contains doubled quotes. */
  readonly doubled: boolean[] = [];
  fields = 0;
  /** Position after the line end of the row. */
  next = 0;
  /** Number of line ends in the row, its last included. */
  lines = 0;
  fault: SplitFault | undefined;

  /**
   * Splits one row, with quoting as in RFC 4180: a quoted field may contain delimiters, line ends and
   * doubled quotes; a quote inside an unquoted field is an ordinary character.
   *
   * @param end - Position after the data.
   * @returns Whether there was a whole row; if not, `fault` says why.
   */
  split(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
    this.fields = 0;
    this.lines = 0;
    this.fault = undefined;
    let at = start;
    for (;;) {
      const begin =
        bytes[at] === QUOTE ? this.#quoted(bytes, at, end) : this.#bare(bytes, at, end, delimiter);
      if (begin < 0) return false;
      at = begin;
      const byte = bytes[at]!;
      if (byte === delimiter) {
        at++;
        continue;
      }
      if (byte === CR && at + 1 < end && bytes[at + 1] === LF) at++;
      else if (byte !== LF) {
        this.fault = byte === CR && at + 1 >= end ? 'unfinished' : 'after-quote';
        return false;
      }
      this.next = at + 1;
      this.lines++;
      return true;
    }
  }

  /** @returns Where the field ends, or −1 if the data ends first. */
  #bare(bytes: Uint8Array, start: number, end: number, delimiter: number): number {
    let at = start;
    while (at < end && bytes[at] !== delimiter && bytes[at] !== LF) at++;
    if (at >= end) {
      this.fault = 'unfinished';
      return -1;
    }
    if (bytes[at] === LF && at > start && bytes[at - 1] === CR) at--;
    this.#add(start, at, false);
    return at;
  }

  #quoted(bytes: Uint8Array, start: number, end: number): number {
    let doubled = false;
    for (let at = start + 1; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === LF) this.lines++;
      if (byte !== QUOTE) continue;
      if (at + 1 < end && bytes[at + 1] === QUOTE) {
        doubled = true;
        at++;
        continue;
      }
      if (at + 1 >= end) break;
      this.#add(start + 1, at, doubled);
      return at + 1;
    }
    this.fault = 'unfinished';
    return -1;
  }

  #add(start: number, end: number, doubled: boolean): void {
    this.doubled[this.fields] = doubled;
    this.bounds[2 * this.fields] = start;
    this.bounds[2 * this.fields + 1] = end;
    this.fields++;
  }
}

/** The text of a field. */
export function fieldText(bytes: Uint8Array, start: number, end: number, doubled: boolean): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  return doubled ? text.replaceAll('""', '"') : text;
}
