import {
  type BarWindow,
  CELLS,
  CLOSE,
  COUNT,
  FIRST,
  HIGH,
  LAST,
  LOW,
  OPEN,
  TURNOVER,
  VOLUME,
} from './bar-window.js';
import { COMPLETE, EMPTY, GAP, PARTIAL } from './bar-writer.js';
import { addExactly } from './fold-rows.js';
import type { Times } from './time-span.js';

/** The columns of shorter bars from which longer bars are built. */
export interface BarColumns {
  readonly times: Times;
  readonly symbols: Int32Array;
  readonly opens: Float64Array;
  readonly highs: Float64Array;
  readonly lows: Float64Array;
  readonly closes: Float64Array;
  readonly volumes: Float64Array | undefined;
  readonly vwaps: Float64Array | undefined;
  readonly counts: Int32Array | undefined;
  readonly marks: Uint8Array | undefined;
  readonly selection: Int32Array;
}

/** Receives what the marks of shorter bars say about a window. */
export interface WindowMarks {
  markPartial(index: number): void;
  markGap(slot: number, index: number): void;
}

/**
 * Folds shorter bars into a window, which must be theirs. Its open is that of the first bar, its high is
 * the highest, and so on. Volumes and counts are added up; the vwap weights each bar by its volume.
 *
 * @param unpriced - Cell 0 counts bars without prices. These are left out, but their marks still count.
 */
export function foldBars(
  window: BarWindow,
  input: BarColumns,
  row: number,
  end: number,
  unpriced: Int32Array,
  marks: WindowMarks,
): void {
  const { times, symbols, opens, highs, lows, closes, volumes, vwaps, counts, selection } = input;
  const { cells, extras, touched, firstSlot } = window;
  for (; row < end; row++) {
    const place = selection[row]!;
    const slot = symbols[place]! + 1;
    const mark = input.marks?.[place] ?? COMPLETE;
    if (mark === PARTIAL) marks.markPartial(window.index);
    else if (mark === GAP) marks.markGap(slot, window.index);
    const close = closes[place]!;
    if (mark === EMPTY || close - close !== 0) {
      unpriced[0] = unpriced[0]! + 1;
      continue;
    }
    const cell = (slot - firstSlot) * CELLS;
    const key = window.keyOf(times.words[2 * place]!, times.words[2 * place + 1]!);
    const before = cells[cell + COUNT]!;
    if (before === 0) {
      touched[window.touchedCount++] = slot - firstSlot;
      cells[cell + HIGH] = close;
      cells[cell + LOW] = close;
      cells[cell + FIRST] = Number.POSITIVE_INFINITY;
      cells[cell + LAST] = Number.NEGATIVE_INFINITY;
    }
    cells[cell + COUNT] = before + Math.max(1, counts?.[place] ?? 1);
    cells[cell + HIGH] = Math.max(cells[cell + HIGH]!, priceOr(highs[place]!, close));
    cells[cell + LOW] = Math.min(cells[cell + LOW]!, priceOr(lows[place]!, close));
    if (key >= cells[cell + LAST]!) {
      cells[cell + LAST] = key;
      cells[cell + CLOSE] = close;
    }
    if (key < cells[cell + FIRST]!) {
      cells[cell + FIRST] = key;
      cells[cell + OPEN] = priceOr(opens[place]!, close);
    }
    const volume = volumes?.[place] ?? Number.NaN;
    if (volume - volume !== 0) continue;
    addExactly(extras, cell + VOLUME, volume);
    addExactly(extras, cell + TURNOVER, volume * priceOr(vwaps?.[place] ?? Number.NaN, close));
  }
}

/** The price, or the close if the price is missing. */
const priceOr = (price: number, close: number): number => (price - price === 0 ? price : close);
