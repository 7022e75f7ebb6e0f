import type { Batch } from '../../core/batch.js';
import { asBigInt64Array } from '../../core/int64.js';
import { placesOf } from '../../core/selection.js';
import type { BarColumnNames } from './bar-columns.js';
import type { BarInput } from './bar-lines.js';
import { type BarColumns, foldBars } from './fold-bars.js';
import { foldRows, type RowColumns } from './fold-rows.js';
import { timesOf } from './time-span.js';

/** The rows of a batch as bars are made of them: of prices, or of shorter bars. */
export function barInputOf(batch: Batch, names: BarColumnNames): BarInput {
  return names.price === undefined ? shorterBars(batch) : pricedRows(batch, names.price, names);
}

function pricedRows(batch: Batch, price: string, { size, sequence }: BarColumnNames): BarInput {
  const columns: RowColumns = {
    times: timesOf(batch.int32('time')),
    symbols: batch.int32('symbol'),
    prices: batch.float64(price),
    sizes: size === undefined ? undefined : batch.float64(size),
    sequences: sequence === undefined ? undefined : sequencesOf(batch, sequence),
    places: placesOf(batch),
  };
  return {
    times: columns.times,
    symbols: columns.symbols,
    places: columns.places,
    origin: batch.origin,
    valuesAt: (place) => ({
      [price]: columns.prices[place]!,
      ...(size !== undefined && { [size]: columns.sizes![place]! }),
    }),
    fold: (window, row, end, ascends, unpriced) => foldRows(window, columns, row, end, ascends, unpriced),
  };
}

function shorterBars(batch: Batch): BarInput {
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
    places: placesOf(batch),
  };
  return {
    times: columns.times,
    symbols: columns.symbols,
    places: columns.places,
    origin: batch.origin,
    valuesAt: (place) => ({ open: columns.opens[place]!, close: columns.closes[place]! }),
    fold: (window, row, end, _ascends, unpriced, marks) =>
      foldBars(window, columns, row, end, unpriced, marks),
  };
}

/** As doubles, which hold whole numbers up to 2⁵³: of numbers beyond, neighbours may be taken for equal. */
function sequencesOf(batch: Batch, name: string): Float64Array {
  const column = batch.column(name);
  if (column instanceof Float64Array) return column;
  const type = batch.schema.columns.find((of) => of.name === name)?.type;
  if (type !== 'int64') return Float64Array.from(column);
  return Float64Array.from(asBigInt64Array(column as Int32Array), Number);
}
