/** A fault in a row of a scan, before it becomes a `BadRow`. */
export interface RowFault {
  /** Number of rows of the scan before it; for a fault in a field, that is the index of the row. */
  readonly row: number;
  /** Where the row begins in the bytes of the window. */
  readonly start: number;
  readonly line: number;
  readonly field?: string;
  readonly expected: string;
  readonly found: string;
  readonly raw: string;
}

const FOUND_MAX = 80;
const RAW_MAX = 1_000;

/** Formats input bytes for messages: truncated, on one line, with control characters escaped. */
export function shown(bytes: Uint8Array, start: number, end: number): string {
  return start >= end ? 'nothing' : JSON.stringify(cut(bytes, start, end, FOUND_MAX));
}

/** Returns the text of a row without its line end, truncated if long. */
export function rawRow(bytes: Uint8Array, start: number, end: number): string {
  let last = end;
  while (last > start && (bytes[last - 1] === 10 || bytes[last - 1] === 13)) last--;
  return cut(bytes, start, last, RAW_MAX);
}

function cut(bytes: Uint8Array, start: number, end: number, bytesMax: number): string {
  const length = Math.min(end - start, bytesMax);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8');
  return length < end - start ? `${text}…` : text;
}
