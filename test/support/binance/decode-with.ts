import { ProviderError } from '../../../src/core/provider-error.js';
import { BarDecoder, type BarTarget } from '../../../src/providers/binance/decode-bars.js';
import { DepthDecoder } from '../../../src/providers/binance/decode-depth.js';
import { QuoteDecoder } from '../../../src/providers/binance/decode-quotes.js';
import {
  AGGREGATED_TRADES,
  SINGLE_TRADES,
  TradeDecoder,
} from '../../../src/providers/binance/decode-trades.js';
import type { Levels } from '../../../src/providers/binance/levels.js';
import type { Answer } from '../../../src/providers/binance/parsed-message.js';
import { SymbolTable } from '../../../src/providers/binance/symbol-table.js';
import type { PlainOptions, PlainOutcome, PlainRow } from './plain-decoder.js';

export const WHO = 'Provider "binance"';

/** A decoder that puts its rows into a list, in the form of `plainDecode`. */
export function listDecoder({ kind, market, symbols }: PlainOptions) {
  const rows: PlainRow[] = [];
  const table = new SymbolTable(symbols, (symbol) => symbols.indexOf(symbol) + 7);
  const nameOf = (id: number) => symbols[id - 7]!;
  const quotes = {
    quote: (id: number, ms: number, _: number, bid: number, ask: number, ...rest: (number | undefined)[]) => {
      const [bidSize, askSize, sequence] = rest as number[];
      rows.push([nameOf(id), ms, bid, ask, bidSize!, askSize!, sequence!]);
    },
  };
  const trades = {
    trade: (id: number, ms: number, _: number, price: number, ...rest: (number | undefined)[]) => {
      const [size, side, sequence, offMarket] = rest as number[];
      rows.push([nameOf(id), ms, price, size!, side === 1 ? 'buy' : 'sell', sequence!, offMarket!]);
    },
  };
  const bars: BarTarget = {
    bar: (id, ms, _, ...values) => rows.push([nameOf(id), ms, ...(values as number[])]),
    goesOn: (id, ms) => rows.push([nameOf(id), ms, 'goes on']),
  };
  const decoder =
    kind === 'kline'
      ? new BarDecoder(WHO, '1m', table, bars)
      : kind === 'bookTicker'
        ? new QuoteDecoder(WHO, market === 'usdm', table, quotes)
        : kind === 'depthUpdate'
          ? new DepthDecoder(WHO, market === 'usdm', table, (update) => {
              const { symbolId, timeMs, firstId, lastId, previousId, bids, asks } = update;
              rows.push([nameOf(symbolId), timeMs, firstId, lastId, previousId]);
              rows.push(...levelRows('bid', bids), ...levelRows('ask', asks));
            })
          : new TradeDecoder(WHO, kind === 'trade' ? SINGLE_TRADES : AGGREGATED_TRADES, table, trades);
  return { decoder, rows };
}

const levelRows = (side: string, { prices, sizes, length }: Levels): PlainRow[] =>
  Array.from({ length }, (_, i) => [side, prices[i]!, sizes[i]!]);

/** What a decoder makes of one frame. */
export function decodeWith(
  { decoder, rows }: ReturnType<typeof listDecoder>,
  frame: Uint8Array | string,
): PlainOutcome {
  rows.length = 0;
  let answer: Answer | undefined;
  try {
    answer = decoder.decode(frame);
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'protocol' && rows.length === 0)
      return { wrong: true };
    throw error;
  }
  if (!answer) return { rows: [...rows] };
  if (rows.length > 0) throw new Error('both rows and an answer');
  return { answer: answer.kind === 'done' ? `done ${answer.id}` : answer.kind };
}
