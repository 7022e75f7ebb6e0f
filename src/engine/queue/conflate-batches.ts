import { Batch, releaseAll } from '../../columns/batch.js';
import { gatherRows } from '../../columns/gather-rows.js';
import type { LatestRows } from './latest-rows.js';
import type { BatchMaking, WaitingBatch } from './waiting-batch.js';
import { appendControl } from './waiting-controls.js';

/** Copies the latest row of each symbol, to one batch between two seals. The given entries stay as they are. */
export function conflateBatches<Note>(
  entries: readonly WaitingBatch<Note>[],
  latest: LatestRows,
  { schema, dictionaries, checkControls }: BatchMaking,
): WaitingBatch<Note>[] {
  const kept = latest.find(entries.map(({ batch }) => batch));
  const conflated: WaitingBatch<Note>[] = [];
  try {
    for (let from = 0; from < entries.length; ) {
      const { note, seal } = entries[from]!;
      let to = from;
      let rows = 0;
      for (; entries[to]?.seal === seal; to++) rows += kept[to]!.length;
      const target = new Batch(schema, Math.max(1, rows), dictionaries);
      conflated.push({ batch: target, note, seal, isOwn: false });
      for (let i = from; i < to; i++) gatherAll(entries[i]!.batch, kept[i]!, target);
      checkControls(target.controls);
      from = to;
    }
  } catch (error) {
    releaseAll(conflated.map(({ batch }) => batch));
    throw error;
  }
  return conflated;
}

/** Appends rows with the records before, between and behind them. */
function gatherAll(source: Batch, rows: Int32Array, target: Batch): void {
  const base = target.length;
  let kept = 0;
  for (const { row, record } of source.controls) {
    while (kept < rows.length && rows[kept]! < row) kept++;
    appendControl(target.controls, base + kept, record);
  }
  gatherRows(source, rows, rows.length, target);
}
