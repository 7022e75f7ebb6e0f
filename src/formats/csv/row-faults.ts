/** What is wrong with a row of a scan, before it becomes a `BadRow` for people. */
export interface RowFault {
  /** Rows of the scan that stand before it; of a fault in a field, the row itself. */
  readonly row: number;
  /** Where it begins among the bytes of the window. */
  readonly start: number;
  readonly line: number;
  readonly field?: string;
  readonly expected: string;
  readonly found: string;
  readonly raw: string;
}

const FOUND_MAX = 80;
const RAW_MAX = 1_000;

/** Bytes of the input for people: cut, on one line, what cannot be printed escaped. */
export function shown(bytes: Uint8Array, start: number, end: number): string {
  return start >= end ? 'nothing' : JSON.stringify(cut(bytes, start, end, FOUND_MAX));
}

/** A row as it stood, without its line end. */
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
