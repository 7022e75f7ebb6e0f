import { invariant } from '../core/invariant.js';
import type { Batch } from './batch.js';
import { compactColumns } from './compact-columns.js';
import { elementsPerRow } from './schema.js';

/** 0, 1, 2 and so on: the places of rows that were never selected from. Shared, and only read. */
let inOrder = new Int32Array(0);

/**
 * Selects the rows whose mark is not 0, in order, and leaves them where they are: the batch says in
 * `selection` where its rows stand. Controls go with their rows.
 *
 * @param keep - One mark a row of a batch that has all its rows together.
 * @returns How many rows are left.
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

/** Moves the rows of a batch together, in all columns, where they are not. */
export function packRows(batch: Batch): void {
  const { selection, length, columns, schema } = batch;
  if (selection === undefined) return;
  const widths = schema.columns.map(({ type }) => elementsPerRow(type));
  compactColumns(columns, widths, selection, length);
  const { origin } = batch;
  if (origin) {
    const moved = selection.slice(0, length); // the memory is used again
    batch.origin = { at: (place) => origin.at(moved[place]!) };
  }
  batch.selection = undefined;
}

/** Keeps the rows whose mark is not 0, in order, together. @returns How many are left. */
export function retainRows(batch: Batch, keep: Uint8Array): number {
  const count = selectRows(batch, keep);
  packRows(batch);
  return count;
}

/** Lets one batch select what another did, whose columns it has taken over, and exchanges the memory for it. */
export function handSelection(from: Batch, to: Batch): void {
  const { selection } = from;
  to.selection = selection;
  if (selection === undefined) return;
  invariant(from.capacity === to.capacity, 'batches that exchange memory have one capacity');
  const [own, others] = [to.selectionMemory, from.selectionMemory];
  from.selectionMemory = own; // gives back before the other takes
  to.selectionMemory = others;
  from.selection = undefined;
}

/** Where the rows of a batch stand, selected or not. Elements past its length are rubbish. */
export function selectionOf({ selection, length }: Batch): Int32Array {
  if (selection !== undefined) return selection;
  if (inOrder.length < length) inOrder = new Int32Array(2 * length).map((_, row) => row);
  return inOrder;
}

/** How far the rows of a batch reach in its columns, those not selected among them. */
export function extentOf({ selection, length }: Batch): number {
  return selection === undefined ? length : selection[length - 1]! + 1;
}

function findKept(keep: Uint8Array, selection: Int32Array, length: number): number {
  const whole = length & ~7;
  let count = 0;
  let row = 0;
  // No branch: whether a row stays is what no processor can guess.
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
