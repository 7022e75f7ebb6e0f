import { invariant } from '../core/invariant.js';
import type { Batch } from './batch.js';
import { compactColumns } from './compact-columns.js';
import { elementsPerRow } from './schema.js';

/** 0, 1, 2 and so on: the places of rows that were never selected from. Shared, and only read. */
let inOrder = new Int32Array(0);

/**
 * Selects the rows whose mark is not 0, in order, and leaves them where they are: the batch says in
 * `places` where its rows stand. Controls go with their rows.
 *
 * @param keep - One mark a row of a batch that has all its rows together.
 * @returns How many rows are left.
 */
export function selectRows(batch: Batch, keep: Uint8Array): number {
  invariant(batch.places === undefined, 'rows are selected where they stand together');
  const { length } = batch;
  let first = 0;
  while (first < length && keep[first] !== 0) first++;
  if (first === length) return length;

  if (batch.controls.length > 0) moveControls(batch, keep);
  batch.placesMemory ??= new Int32Array(batch.capacity);
  const places = batch.placesMemory;
  const count = findKept(keep, places, length);
  batch.length = count;
  batch.places = count === 0 ? undefined : places;
  return count;
}

/** Moves the rows of a batch together, in all columns, where they are not. */
export function packRows(batch: Batch): void {
  const { places, length, columns, schema } = batch;
  if (places === undefined) return;
  const widths = schema.columns.map(({ type }) => elementsPerRow(type));
  compactColumns(columns, widths, places, length);
  const { origin } = batch;
  if (origin) {
    const moved = places.slice(0, length); // the memory is used again
    batch.origin = { at: (place) => origin.at(moved[place]!) };
  }
  batch.places = undefined;
}

/** Keeps the rows whose mark is not 0, in order, together. @returns How many are left. */
export function retainRows(batch: Batch, keep: Uint8Array): number {
  const count = selectRows(batch, keep);
  packRows(batch);
  return count;
}

/** Lets one batch select what another did, whose columns it has taken over, and exchanges the memory for it. */
export function handSelection(from: Batch, to: Batch): void {
  const { places } = from;
  to.places = places;
  if (places === undefined) return;
  invariant(from.capacity === to.capacity, 'batches that exchange memory have one capacity');
  const [own, others] = [to.placesMemory, from.placesMemory];
  from.placesMemory = own; // gives back before the other takes
  to.placesMemory = others;
  from.places = undefined;
}

/** Where the rows of a batch stand, selected or not. Elements past its length are rubbish. */
export function placesOf({ places, length }: Batch): Int32Array {
  if (places !== undefined) return places;
  if (inOrder.length < length) inOrder = new Int32Array(2 * length).map((_, row) => row);
  return inOrder;
}

/** How far the rows of a batch reach in its columns, those not selected among them. */
export function extentOf({ places, length }: Batch): number {
  return places === undefined ? length : places[length - 1]! + 1;
}

function findKept(keep: Uint8Array, places: Int32Array, length: number): number {
  const whole = length & ~7;
  let count = 0;
  let row = 0;
  // No branch: whether a row stays is what no processor can guess.
  for (; row < whole; row += 8) {
    places[count] = row;
    count += Number(keep[row]! !== 0);
    places[count] = row + 1;
    count += Number(keep[row + 1]! !== 0);
    places[count] = row + 2;
    count += Number(keep[row + 2]! !== 0);
    places[count] = row + 3;
    count += Number(keep[row + 3]! !== 0);
    places[count] = row + 4;
    count += Number(keep[row + 4]! !== 0);
    places[count] = row + 5;
    count += Number(keep[row + 5]! !== 0);
    places[count] = row + 6;
    count += Number(keep[row + 6]! !== 0);
    places[count] = row + 7;
    count += Number(keep[row + 7]! !== 0);
  }
  for (; row < length; row++) {
    places[count] = row;
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
