import type { Batch } from '../../core/batch.js';
import { BOOK_ACTIONS, BOOK_SIDES, type Schema, STANDARD_COLUMNS, TRADE_SIDES } from '../../core/schema.js';
import type { TickGrid } from './tick-grid.js';
import type { TickWalk } from './tick-walk.js';

export type SyntheticKind = 'quote' | 'trade' | 'book';

export interface RowSettings {
  readonly grid: TickGrid;
  readonly spread: number;
  readonly sizeMin: number;
  /** Sizes there are, at most 65,536. */
  readonly sizes: number;
  readonly levels: number;
}

/** Fills the columns beyond time and symbol from what the walk left for rows `start` to `end`. */
export type RowKernel = (
  batch: Batch,
  walk: TickWalk,
  settings: RowSettings,
  start: number,
  end: number,
) => void;

/** The standard columns of a kind, receive time aside: these rows are not received. */
export function syntheticSchema(kind: SyntheticKind): Schema {
  const { required, optional } = STANDARD_COLUMNS[kind];
  return { kind, columns: [...required, ...optional.filter(({ name }) => name !== 'received')] };
}

export const ROW_KERNELS: Readonly<Record<SyntheticKind, RowKernel>> = {
  quote: fillQuotes,
  trade: fillTrades,
  book: fillBook,
};

function fillQuotes(batch: Batch, walk: TickWalk, settings: RowSettings, start: number, end: number): void {
  const { numerator, denominator } = settings.grid;
  const { spread, sizeMin, sizes } = settings;
  const { ticks, draws } = walk;
  const bids = batch.float64('bid');
  const asks = batch.float64('ask');
  const bidSizes = batch.float64('bidSize');
  const askSizes = batch.float64('askSize');
  const below = spread >> 1;
  for (let row = start; row < end; row++) {
    const bid = ticks[row]! - below;
    const draw = draws[row]!;
    bids[row] = (bid * numerator) / denominator;
    asks[row] = ((bid + spread) * numerator) / denominator;
    bidSizes[row] = sizeMin + (Math.imul(draw >>> 16, sizes) >>> 16);
    askSizes[row] = sizeMin + (Math.imul(draw & 0xffff, sizes) >>> 16);
  }
}

const BUY = TRADE_SIDES.indexOf('buy');
const SELL = TRADE_SIDES.indexOf('sell');

/** A buy at the ask, a sell at the bid. */
function fillTrades(batch: Batch, walk: TickWalk, settings: RowSettings, start: number, end: number): void {
  const { numerator, denominator } = settings.grid;
  const { spread, sizeMin, sizes } = settings;
  const { ticks, draws } = walk;
  const prices = batch.float64('price');
  const volumes = batch.float64('size');
  const sides = batch.uint8('side');
  const below = spread >> 1;
  for (let row = start; row < end; row++) {
    const draw = draws[row]!;
    const isBuy = draw < 0;
    const price = ticks[row]! - below + (isBuy ? spread : 0);
    prices[row] = (price * numerator) / denominator;
    volumes[row] = sizeMin + (Math.imul(draw & 0xffff, sizes) >>> 16);
    sides[row] = isBuy ? BUY : SELL;
  }
}

const BID = BOOK_SIDES.indexOf('bid');
const ASK = BOOK_SIDES.indexOf('ask');
const CHANGE = BOOK_ACTIONS.indexOf('change');
const DELETE = BOOK_ACTIONS.indexOf('delete');

/** A change of one level, one tick from the next; a size of 0 takes it away. */
function fillBook(batch: Batch, walk: TickWalk, settings: RowSettings, start: number, end: number): void {
  const { numerator, denominator } = settings.grid;
  const { spread, sizeMin, sizes, levels } = settings;
  const { ticks, draws } = walk;
  const prices = batch.float64('price');
  const volumes = batch.float64('size');
  const sides = batch.uint8('side');
  const depths = batch.int32('level');
  const actions = batch.uint8('action');
  const below = spread >> 1;
  for (let row = start; row < end; row++) {
    const draw = draws[row]!;
    const isAsk = draw < 0;
    const level = Math.imul((draw >>> 16) & 0x7fff, levels) >>> 15;
    const bid = ticks[row]! - below;
    const price = isAsk ? bid + spread + level : bid - level;
    const size = sizeMin + (Math.imul(draw & 0xffff, sizes) >>> 16);
    prices[row] = (price * numerator) / denominator;
    volumes[row] = size;
    sides[row] = isAsk ? ASK : BID;
    depths[row] = level;
    actions[row] = size === 0 ? DELETE : CHANGE;
  }
}
