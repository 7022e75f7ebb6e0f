import { invariant } from '../core/invariant.js';
import type { Batch } from './batch.js';
import { compactColumns } from './compact-columns.js';
import { ownColumns } from './own-columns.js';
import { packedOrigin } from './row-origin.js';
import { elementsPerRow } from './schema.js';

/** 0, 1, 2, …: the positions of rows in a batch without a selection. Shared and read-only. */
let inOrder = new Int32Array(0);

/**
 * Selects the rows whose mark is not 0 without moving them: the `selection` of the batch lists their
 * positions. Control records stay before the same rows.
 *
 * @param keep - One mark for each row; the batch must have no selection.
 * @returns The number of rows left.
 */
export function selectRows(batch: Batch, keep: Uint8Array): number {
  invariant(batch.selection === undefined, 'rows are selected where they stand together');
  const { length } = batch;
  let first = 0;
  while (first < length && keep[first] !== 0) first++;
  if (first === length) return length;

  if (batch.controls.length > 0) moveControls(batch, keep);
  batch.selectionMemory ??= new Int32Array(batch.capacity);
  const selection = batch.selectionMemory;
  const count = findKept(keep, selection, length);
  batch.length = count;
  batch.selection = count === 0 ? undefined : selection;
  return count;
}

/**
 * Compacts the selected rows of a batch in all columns; without a selection, there is nothing to do. A shared
 * batch gets columns of its own for them.
 *
 * @throws {PipelineError} `MEMORY_EXHAUSTED` if a shared batch cannot get them; it is then unchanged.
 */
export function packRows(batch: Batch): void {
  const { selection, length, columns, schema } = batch;
  if (selection === undefined) return;
  if (batch.isShared) {
    ownColumns(batch);
    return;
  }
  const widths = schema.columns.map(({ type }) => elementsPerRow(type));
  compactColumns(columns, widths, selection, length);
  const { origin } = batch;
  if (origin) batch.origin = packedOrigin(origin, selection, length);
  batch.selection = undefined;
}

/**
 * Keeps the rows whose mark is not 0. While at least half of them remain, they stay where they are, so that later
 * stages touch only what they read; otherwise they are compacted, so that these need not skip many rows for a few.
 *
 * @returns The number of rows left out.
 */
export function thinRows(batch: Batch, keep: Uint8Array): number {
  const { length } = batch;
  const kept = selectRows(batch, keep);
  if (2 * kept < length) packRows(batch);
  return length - kept;
}

/** Keeps the rows whose mark is not 0, and compacts them. @returns The number of rows left. */
export function retainRows(batch: Batch, keep: Uint8Array): number {
  const count = selectRows(batch, keep);
  packRows(batch);
  return count;
}

/** Moves the selection of a batch to the batch that took over its columns, and swaps their selection memory. */
export function handSelection(from: Batch, to: Batch): void {
  const { selection } = from;
  to.selection = selection;
  if (selection === undefined) return;
  invariant(from.capacity === to.capacity, 'batches that exchange memory have one capacity');
  const [own, others] = [to.selectionMemory, from.selectionMemory];
  from.selectionMemory = own; // first, so that the memory account never counts both arrays twice
  to.selectionMemory = others;
  from.selection = undefined;
}

/** The positions of the rows of a batch, with or without a selection. Elements past its length are garbage. */
export function selectionOf({ selection, length }: Batch): Int32Array {
  if (selection !== undefined) return selection;
  if (inOrder.length < length) inOrder = new Int32Array(2 * length).map((_, row) => row);
  return inOrder;
}

/** The number of positions from the start of the columns to the last row, unselected ones included. */
export function extentOf({ selection, length }: Batch): number {
  return selection === undefined ? length : selection[length - 1]! + 1;
}

function findKept(keep: Uint8Array, selection: Int32Array, length: number): number {
  const whole = length & ~7;
  let count = 0;
  let row = 0;
  // Branch-free: a processor cannot predict which rows are kept.
  for (; row < whole; row += 8) {
    selection[count] = row;
    count += Number(keep[row]! !== 0);
    selection[count] = row + 1;
    count += Number(keep[row + 1]! !== 0);
    selection[count] = row + 2;
    count += Number(keep[row + 2]! !== 0);
    selection[count] = row + 3;
    count += Number(keep[row + 3]! !== 0);
    selection[count] = row + 4;
    count += Number(keep[row + 4]! !== 0);
    selection[count] = row + 5;
    count += Number(keep[row + 5]! !== 0);
    selection[count] = row + 6;
    count += Number(keep[row + 6]! !== 0);
    selection[count] = row + 7;
    count += Number(keep[row + 7]! !== 0);
  }
  for (; row < length; row++) {
    selection[count] = row;
    count += Number(keep[row]! !== 0);
  }
  return count;
}

function moveControls(batch: Batch, keep: Uint8Array): void {
  let row = 0;
  let kept = 0;
  batch.controls = batch.controls.map((placed) => {
    for (; row < placed.row; row++) kept += keep[row]! === 0 ? 0 : 1;
    return { row: kept, record: placed.record };
  });
}
