import type { Batch } from '../../core/batch.js';
import { BOOK_ACTIONS, BOOK_SIDES, type Schema, STANDARD_COLUMNS, TRADE_SIDES } from '../../core/schema.js';
import type { QuoteColumns, QuoteWalk } from './quote-walk.js';
import type { TickGrid } from './tick-grid.js';

export type SyntheticKind = 'quote' | 'trade' | 'book';

/** The standard columns of a kind, receive time aside: these rows are not received. */
export function syntheticSchema(kind: SyntheticKind): Schema {
  const { required, optional } = STANDARD_COLUMNS[kind];
  return { kind, columns: [...required, ...optional.filter(({ name }) => name !== 'received')] };
}

/** How rows of a kind are made: quotes by the walk alone, all others from quotes kept aside. */
export interface RowMaker {
  /** Where the walk puts its quotes: as far as they are columns of the kind, straight into the batch. */
  columnsOf(batch: Batch): QuoteColumns;
  /** Makes rows `start` to `end` of what the walk has just put there. */
  finish?(batch: Batch, walk: QuoteWalk, start: number, end: number): void;
}

export interface RowMakerSettings {
  readonly grid: TickGrid;
  readonly spread: number;
  readonly levels: number;
}

export function createRowMaker(kind: SyntheticKind, settings: RowMakerSettings, rowsMax: number): RowMaker {
  if (kind === 'quote') return quoteMaker;
  return kind === 'trade' ? createTradeMaker(settings, rowsMax) : createBookMaker(settings, rowsMax);
}

const quoteMaker: RowMaker = {
  columnsOf: (batch) => ({
    times: batch.int32('time'),
    symbols: batch.int32('symbol'),
    bids: batch.float64('bid'),
    asks: batch.float64('ask'),
    bidSizes: batch.float64('bidSize'),
    askSizes: batch.float64('askSize'),
  }),
};

const BUY = TRADE_SIDES.indexOf('buy');
const SELL = TRADE_SIDES.indexOf('sell');

/** A buy at the ask, a sell at the bid. */
function createTradeMaker({ grid, spread }: RowMakerSettings, rowsMax: number): RowMaker {
  const unused = new Float64Array(rowsMax);
  const { numerator, denominator } = grid;
  return {
    columnsOf: (batch) => ({
      times: batch.int32('time'),
      symbols: batch.int32('symbol'),
      bids: unused,
      asks: unused,
      bidSizes: unused,
      askSizes: batch.float64('size'),
    }),
    finish(batch, { bidTicks, draws }, start, end) {
      const prices = batch.float64('price');
      const sides = batch.uint8('side');
      for (let row = start; row < end; row++) {
        const isBuy = draws[row]! >>> 31; // arithmetic, not a branch: no processor predicts chance
        prices[row] = ((bidTicks[row]! + isBuy * spread) * numerator) / denominator;
        sides[row] = SELL + isBuy * (BUY - SELL);
      }
    },
  };
}

const BID = BOOK_SIDES.indexOf('bid');
const ASK = BOOK_SIDES.indexOf('ask');
const CHANGE = BOOK_ACTIONS.indexOf('change');
const DELETE = BOOK_ACTIONS.indexOf('delete');

/** A change of one level, one tick from the next; a size of 0 takes it away. */
function createBookMaker({ grid, spread, levels }: RowMakerSettings, rowsMax: number): RowMaker {
  const unused = new Float64Array(rowsMax);
  const { numerator, denominator } = grid;
  return {
    columnsOf: (batch) => ({
      times: batch.int32('time'),
      symbols: batch.int32('symbol'),
      bids: unused,
      asks: unused,
      bidSizes: unused,
      askSizes: batch.float64('size'),
    }),
    finish(batch, { bidTicks, draws }, start, end) {
      const prices = batch.float64('price');
      const volumes = batch.float64('size');
      const sides = batch.uint8('side');
      const depths = batch.int32('level');
      const actions = batch.uint8('action');
      for (let row = start; row < end; row++) {
        const draw = draws[row]!;
        const isAsk = draw >>> 31;
        const level = Math.imul((draw >>> 16) & 0x7fff, levels) >>> 15;
        const price = bidTicks[row]! - level + isAsk * (spread + 2 * level);
        prices[row] = (price * numerator) / denominator;
        sides[row] = BID + isAsk * (ASK - BID);
        depths[row] = level;
        actions[row] = volumes[row] === 0 ? DELETE : CHANGE;
      }
    },
  };
}
