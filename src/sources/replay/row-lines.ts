import type { RowOrigin } from '../../core/row-origin.js';

/** Rows of one file that stand together: their lines are copied, and not even that where none is missing. */
export function originInFile(file: string, lines: Int32Array, start: number, end: number): RowOrigin {
  const first = lines[start]!;
  const last = lines[end - 1]!;
  const rows = end - start;
  // Lines of rows differ, and either rise or fall.
  if (last - first === rows - 1) return { at: (place) => ({ file, line: first + place }) };
  if (first - last === rows - 1) return { at: (place) => ({ file, line: first - place }) };
  const copied = lines.slice(start, end);
  return { at: (place) => ({ file, line: copied[place]! }) };
}
