import type { Batch } from '../../columns/batch.js';
import type { ControlRecord } from '../../columns/control-record.js';
import { compareInt64, readInt64 } from '../../columns/int64.js';
import { columnIndex, eventTimeIndex } from '../../columns/schema.js';
import type { Nanos } from '../../core/units.js';

/**
 * Returns what is left of a batch without its rows: its records, and in place of the rows a `gap` from the
 * earliest of their event times until 1 ns after the latest, since a gap ends before its `to`. The gap names
 * the symbol if all rows are of one. Rows without event time leave no gap.
 */
export function recordsWithoutRows(batch: Batch, reason: string): ControlRecord[] {
  const gap = gapOf(batch, reason);
  const records: ControlRecord[] = [];
  // Before the watermarks that follow its rows: one of them may close the windows that the gap is in.
  const behind = batch.controls.findIndex(({ row }) => row > 0);
  batch.controls.forEach(({ record }, i) => {
    if (gap && i === behind) records.push(gap);
    records.push(record);
  });
  if (gap && behind < 0) records.push(gap);
  return records;
}

function gapOf({ schema, columns, length, dictionaries }: Batch, reason: string): ControlRecord | undefined {
  const time = eventTimeIndex(schema);
  if (time < 0 || length === 0) return undefined;
  const times = columns[time] as Int32Array; // the storage of a timestamp
  let least = 0;
  let greatest = 0;
  for (let row = 1; row < length; row++) {
    if (compareInt64(times, row, times, least) < 0) least = row;
    if (compareInt64(times, row, times, greatest) > 0) greatest = row;
  }
  const symbol = symbolOf();
  return {
    type: 'gap',
    from: readInt64(times, least) as Nanos,
    to: (readInt64(times, greatest) + 1n) as Nanos,
    ...(symbol !== undefined && { symbol }),
    reason,
  };

  function symbolOf(): string | undefined {
    const at = columnIndex(schema, 'symbol');
    const column = schema.columns[at];
    if (column?.type !== 'string') return undefined;
    const ids = columns[at] as Int32Array;
    for (let row = 1; row < length; row++) if (ids[row] !== ids[0]) return undefined;
    return dictionaries.get(column.dictionary ?? column.name).at(ids[0]!) ?? undefined;
  }
}
