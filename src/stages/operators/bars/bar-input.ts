import type { Batch } from '../../../columns/batch.js';
import { TWO_32 } from '../../../columns/int64.js';
import { extentOf, selectionOf } from '../../../columns/selection.js';
import type { BarColumnNames } from './bar-columns.js';
import type { BarInput } from './bar-timelines.js';
import { type BarColumns, foldBars } from './fold-bars.js';
import { foldRows, type RowColumns } from './fold-rows.js';
import type { MarketPrices } from './market-prices.js';
import { timesOf } from './time-span.js';

/**
 * Adapts the rows of a batch, prices or shorter bars, to what bars are built from.
 *
 * @param sizes - Set when the first volume among shorter bars is seen: bars of rows without sizes have
 *   none.
 * @param market - Used until the next batch.
 */
export function barInputOf(
  batch: Batch,
  names: BarColumnNames,
  sizes: { hasSizes: boolean },
  market: MarketPrices,
): BarInput {
  return names.price === undefined
    ? shorterBars(batch, sizes)
    : pricedRows(batch, names.price, names, market);
}

function pricedRows(
  batch: Batch,
  price: string,
  { size, sequence }: BarColumnNames,
  market: MarketPrices,
): BarInput {
  const columns: RowColumns = {
    times: timesOf(batch.int32('time')),
    symbols: batch.int32('symbol'),
    prices: market.of(batch, price),
    sizes: size === undefined ? undefined : batch.float64(size),
    sequences: sequence === undefined ? undefined : sequencesOf(batch, sequence),
    selection: selectionOf(batch),
  };
  return {
    times: columns.times,
    symbols: columns.symbols,
    selection: columns.selection,
    origin: batch.origin,
    valuesAt: (place) => ({
      [price]: columns.prices[place]!,
      ...(size !== undefined && { [size]: columns.sizes![place]! }),
    }),
    fold: (window, row, end, ascends, unpriced) => foldRows(window, columns, row, end, ascends, unpriced),
  };
}

function shorterBars(batch: Batch, sizes: { hasSizes: boolean }): BarInput {
  const has = (name: string) => batch.schema.columns.some((column) => column.name === name);
  const columns: BarColumns = {
    times: timesOf(batch.int32('time')),
    symbols: batch.int32('symbol'),
    opens: batch.float64('open'),
    highs: batch.float64('high'),
    lows: batch.float64('low'),
    closes: batch.float64('close'),
    volumes: has('volume') ? batch.float64('volume') : undefined,
    vwaps: has('vwap') ? batch.float64('vwap') : undefined,
    counts: has('count') ? batch.int32('count') : undefined,
    marks: has('mark') ? batch.uint8('mark') : undefined,
    selection: selectionOf(batch),
  };
  return {
    times: columns.times,
    symbols: columns.symbols,
    selection: columns.selection,
    origin: batch.origin,
    valuesAt: (place) => ({ open: columns.opens[place]!, close: columns.closes[place]! }),
    fold(window, row, end, _ascends, unpriced, marks) {
      foldBars(window, columns, row, end, unpriced, marks);
      if (!sizes.hasSizes) sizes.hasSizes = hasVolume(columns, row, end);
    },
  };
}

function hasVolume({ volumes, selection }: BarColumns, row: number, end: number): boolean {
  for (; volumes !== undefined && row < end; row++)
    if (Number.isFinite(volumes[selection[row]!])) return true;
  return false;
}

/** The sequences as doubles, which are exact up to 2⁵³; neighbouring numbers beyond may compare as equal. */
function sequencesOf(batch: Batch, name: string): Float64Array {
  const column = batch.column(name);
  if (column instanceof Float64Array) return column;
  const rows = extentOf(batch);
  const type = batch.schema.columns.find((of) => of.name === name)?.type;
  if (type !== 'int64') return new Float64Array(column.subarray(0, rows));
  const sequences = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    sequences[row] = column[2 * row + 1]! * TWO_32 + (column[2 * row]! >>> 0);
  }
  return sequences;
}
