import type { Batch } from '../../../columns/batch.js';
import {
  BOOK_ACTIONS,
  BOOK_SIDES,
  type Schema,
  STANDARD_COLUMNS,
  TRADE_SIDES,
} from '../../../columns/schema.js';
import type { QuoteWalk } from './quote-walk.js';
import type { TickGrid } from './tick-grid.js';

export type SyntheticKind = 'quote' | 'trade' | 'book';

/** These rows are not received, and all of them come from the market. */
const UNFILLED: ReadonlySet<string> = new Set(['received', 'offMarket']);

/** The standard columns of a kind that are filled. */
export function syntheticSchema(kind: SyntheticKind): Schema {
  const { required, optional } = STANDARD_COLUMNS[kind];
  return { kind, columns: [...required, ...optional.filter(({ name }) => !UNFILLED.has(name))] };
}

/** Advances the walk by `count` rows and writes them into the columns of its batch, from row `start` on. */
export type MakeRows = (start: number, count: number) => void;

/**
 * Creates the function that makes rows of a kind from the walk; once for each batch, since each has its
 * own columns.
 */
export type RowMaker = (batch: Batch, walk: QuoteWalk, ids: Int32Array) => MakeRows;

export interface RowMakerSettings {
  readonly grid: TickGrid;
  readonly spread: number;
  readonly levels: number;
}

export function createRowMaker(kind: SyntheticKind, settings: RowMakerSettings): RowMaker {
  if (kind === 'quote') return makeQuotes;
  return kind === 'trade' ? createTradeMaker(settings) : createBookMaker(settings);
}

const makeQuotes: RowMaker = (batch, walk, ids) => {
  const [times, symbols] = [batch.int32('time'), batch.int32('symbol')];
  const [bids, asks] = [batch.float64('bid'), batch.float64('ask')];
  const [bidSizes, askSizes] = [batch.float64('bidSize'), batch.float64('askSize')];
  return (start, count) => {
    walk.advance(times, symbols, ids, start, count);
    walk.writeBids(bids, start, count);
    walk.writeAsks(asks, start, count);
    walk.writeBidSizes(bidSizes, start, count);
    walk.writeAskSizes(askSizes, start, count);
  };
};

const BUY = TRADE_SIDES.indexOf('buy');
const SELL = TRADE_SIDES.indexOf('sell');

/** A trade: a buy at the ask, a sell at the bid. */
function createTradeMaker({ grid, spread }: RowMakerSettings): RowMaker {
  const { numerator, denominator } = grid;
  const below = spread >> 1;
  return (batch, walk, ids) => {
    const [times, symbols] = [batch.int32('time'), batch.int32('symbol')];
    const [prices, volumes, sides] = [batch.float64('price'), batch.float64('size'), batch.uint8('side')];
    const { ticks, draws } = walk;
    return (start, count) => {
      walk.advance(times, symbols, ids, start, count);
      walk.writeAskSizes(volumes, start, count);
      for (let i = 0; i < count; i++) {
        const isBuy = draws[i]! >>> 31; // arithmetic, not a branch: random branches cannot be predicted
        prices[start + i] = ((ticks[i]! - below + isBuy * spread) * numerator) / denominator;
        sides[start + i] = SELL + isBuy * (BUY - SELL);
      }
    };
  };
}

const BID = BOOK_SIDES.indexOf('bid');
const ASK = BOOK_SIDES.indexOf('ask');
const CHANGE = BOOK_ACTIONS.indexOf('change');
const DELETE = BOOK_ACTIONS.indexOf('delete');

/** A change of one level of a book. Levels are one tick apart; a size of 0 deletes the level. */
function createBookMaker({ grid, spread, levels }: RowMakerSettings): RowMaker {
  const { numerator, denominator } = grid;
  const below = spread >> 1;
  return (batch, walk, ids) => {
    const [times, symbols] = [batch.int32('time'), batch.int32('symbol')];
    const [prices, volumes, sides] = [batch.float64('price'), batch.float64('size'), batch.uint8('side')];
    const [depths, actions] = [batch.int32('level'), batch.uint8('action')];
    const { ticks, draws } = walk;
    return (start, count) => {
      walk.advance(times, symbols, ids, start, count);
      walk.writeAskSizes(volumes, start, count);
      for (let i = 0; i < count; i++) {
        const draw = draws[i]!;
        const isAsk = draw >>> 31;
        const level = Math.imul((draw >>> 16) & 0x7fff, levels) >>> 15;
        const price = ticks[i]! - below - level + isAsk * (spread + 2 * level);
        prices[start + i] = (price * numerator) / denominator;
        sides[start + i] = BID + isAsk * (ASK - BID);
        depths[start + i] = level;
        actions[start + i] = volumes[start + i] === 0 ? DELETE : CHANGE;
      }
    };
  };
}
