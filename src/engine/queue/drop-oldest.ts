import { Batch } from '../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../columns/control-record.js';
import { recordsWithoutRows } from './dropped-rows.js';
import type { BatchMaking, WaitingBatch } from './waiting-batch.js';
import { appendControl, DROPPED_REASONS } from './waiting-controls.js';

export interface DroppedBatch<Note> {
  /** What has gone, which the caller releases. */
  readonly dropped: Batch;
  /** What stands in its place, if its records could not move to the next batch. */
  readonly left: Batch | undefined;
  /** The note of the batch for which there was no room. */
  readonly note: Note;
}

/**
 * Drops the rows of the first batch that has any; there must be one. Its records and its note move to the
 * next batch. If it throws, nothing has changed.
 *
 * @param note - Of the batch for which there is no room.
 */
export function dropOldest<Note>(
  entries: WaitingBatch<Note>[],
  note: Note,
  making: BatchMaking,
): DroppedBatch<Note> {
  const at = entries.findIndex(({ batch }) => batch.length > 0);
  const entry = entries[at]!; // a queue without rows has room
  const { batch: dropped } = entry;
  const records = recordsWithoutRows(dropped, DROPPED_REASONS['drop-oldest']);
  const next = entries[at + 1];
  // First what may fail: an entry whose batch is released must not stay.
  if (next?.seal === entry.seal) {
    const controls: PlacedControl[] = [];
    for (const record of records) appendControl(controls, 0, record);
    for (const { row, record } of next.batch.controls) appendControl(controls, row, record);
    making.checkControls(controls);
    next.batch.controls = controls;
    entries.splice(at, 2, { ...next, note: entry.note });
    return { dropped, left: undefined, note };
  }
  if (records.length > 0) {
    const left = batchOf(records, making);
    entry.batch = left;
    entry.isOwn = false;
    return { dropped, left, note };
  }
  entries.splice(at, 1);
  if (next) next.note = entry.note;
  return { dropped, left: undefined, note: next ? note : entry.note };
}

/** Returns a batch without rows. */
export function batchOf(records: readonly ControlRecord[], { schema, dictionaries }: BatchMaking): Batch {
  const batch = new Batch(schema, 1, dictionaries);
  for (const record of records) appendControl(batch.controls, 0, record);
  return batch;
}
