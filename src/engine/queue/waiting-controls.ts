import type { ControlRecord, PlacedControl } from '../../columns/control-record.js';
import type { Nanos } from '../../core/units.js';

/** Reasons of the `gap` records for rows that a full queue has dropped. */
export const DROPPED_REASONS = {
  'drop-oldest': 'queue full: the oldest rows were dropped',
  'drop-newest': 'queue full: the newest rows were dropped',
} as const;

type Gap = Extract<ControlRecord, { type: 'gap' }>;

/**
 * Appends a record to those of a batch that waits, at `row` or behind it. Where no row stands between two
 * records, one may make the other one redundant: of two watermarks the higher one is kept, and a gap of
 * dropped rows is widened. So the records do not pile up while a full queue drops rows.
 */
export function appendControl(controls: PlacedControl[], row: number, record: ControlRecord): void {
  if (record.type === 'watermark') {
    const earlier = findFromEnd(controls, row, (found) => isWatermarkOf(found, record.symbol));
    if (earlier < 0) controls.push({ row, record });
    else {
      const found = controls[earlier]!.record as typeof record; // the search looks for watermarks
      controls.splice(earlier, 1);
      controls.push({ row, record: found.at > record.at ? found : record });
    }
    return;
  }
  const widened = isOfDroppedRows(record)
    ? findFromEnd(controls, row, (found) => isOfDroppedRows(found) && found.reason === record.reason)
    : -1;
  if (widened < 0) controls.push({ row, record });
  else controls[widened] = { row, record: union(controls[widened]!.record as Gap, record as Gap) };
}

/** Index of the last record at a row that fits, −1 if there is none. */
function findFromEnd(
  controls: readonly PlacedControl[],
  row: number,
  fits: (record: ControlRecord) => boolean,
): number {
  for (let i = controls.length - 1; i >= 0 && controls[i]!.row === row; i--) {
    if (fits(controls[i]!.record)) return i;
  }
  return -1;
}

const isWatermarkOf = (record: ControlRecord, symbol: string | undefined): boolean =>
  record.type === 'watermark' && record.symbol === symbol;

const isOfDroppedRows = (record: ControlRecord): record is Gap =>
  record.type === 'gap' && Object.values<string>(DROPPED_REASONS).includes(record.reason);

/** A gap over two others: of their symbol, if it is the same one, else of all symbols. */
function union(a: Gap, b: Gap): Gap {
  const symbol = a.symbol === b.symbol ? a.symbol : undefined;
  return {
    type: 'gap',
    from: earlier(a.from, b.from),
    to: earlier(a.to, b.to) === a.to ? b.to : a.to,
    ...(symbol !== undefined && { symbol }),
    reason: a.reason,
  };
}

const earlier = (a: Nanos, b: Nanos): Nanos => (a <= b ? a : b);
