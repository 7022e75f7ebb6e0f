import type { ColumnData } from '../../src/columns/schema.js';
import type { ColumnReader } from '../../src/formats/csv/column-reader.js';
import { type Kernels, kernelsOfThread } from '../../src/formats/kernels/kernels.js';

/** The kernels of this thread, for tests that are about them. */
export function testedKernels(): Kernels {
  const before = process.env.TICKLOOM_NO_WASM;
  delete process.env.TICKLOOM_NO_WASM;
  const kernels = kernelsOfThread();
  if (before !== undefined) process.env.TICKLOOM_NO_WASM = before;
  if (!kernels) throw new Error('expected WebAssembly with vectors');
  return kernels;
}

/**
 * Reads lines of one field each by the kernel of a reader, as many as fit in one call.
 *
 * @param lines - Without quotes, delimiters (`|`) and line ends.
 * @returns For each line that was taken, whether it was read; its value is in `out`.
 */
export function readByKernel(reader: ColumnReader, lines: readonly string[], out: ColumnData): boolean[] {
  const kernels = testedKernels();
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  kernels.bytes.set(bytes.subarray(0, kernels.bytesMax), kernels.input);
  const end = kernels.input + Math.min(bytes.length, kernels.bytesMax);
  const found = kernels.call.findStructure(kernels.input, end, 124);
  const rows = kernels.call.takeRows(1, found, -1, false, 0);
  kernels.call.chooseField(0, 1, rows);
  const unread = reader.readBy(kernels, rows, out, 0);
  const wasRead: boolean[] = Array(rows).fill(unread < rows || rows === 0);
  if (unread < rows) for (const row of kernels.unread.subarray(0, unread)) wasRead[row] = false;
  return wasRead;
}
