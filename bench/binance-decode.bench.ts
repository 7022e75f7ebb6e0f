// Question: how many messages of Binance become rows in columns a second, in one thread?
//
// Beside JSON.parse and an object for each message, and beside ccxt's parser for the same message. All begin with the
// bytes of a frame. The recorded frames are two sessions of BTCUSDT, spot and USD-M; the generated ones have 20 symbols.
// An update of a book is a message with many levels: 36 (spot) and 68 (USD-M) in the recorded ones, 20 in the others.
import { DictionarySet } from '../src/columns/dictionary.js';
import { systemClock } from '../src/core/clock.js';
import { FeedBuffer } from '../src/providers/adapter/feed-buffer.js';
import { FeedWriter } from '../src/providers/adapter/feed-writer.js';
import { DepthDecoder } from '../src/providers/binance/decode-depth.js';
import { QuoteDecoder } from '../src/providers/binance/decode-quotes.js';
import { SINGLE_TRADES, TradeDecoder } from '../src/providers/binance/decode-trades.js';
import { SymbolTable } from '../src/providers/binance/symbol-table.js';
import { feedSchema } from '../src/providers/contract/feed-schema.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { type BinanceFrames, generatedFrames, recordedFrames } from './support/binance-frames.js';
import { type CcxtParsers, openCcxt } from './support/ccxt.js';
import { type Contender, measureRates } from './support/measure.js';

/** Messages of a run, about. */
const MESSAGES = 300_000;
const QUICK_MESSAGES = 20_000;
const BATCH_ROWS = 1_024;

export default async function benchBinanceDecode(context: BenchContext): Promise<BenchResult[]> {
  const messages = context.quick ? QUICK_MESSAGES : MESSAGES;
  const ccxt = await openCcxt();
  const parsers = 'notRun' in ccxt ? undefined : ccxt;
  const recorded = recordedFrames();
  const sets = [...('notRun' in recorded ? [] : recorded), ...generatedFrames()];
  const contenders = sets.flatMap((set) => contendersOf(set, messages, parsers));
  const results: BenchResult[] = await measureRates('messages', contenders, context);
  if ('notRun' in recorded) results.push(recorded);
  if ('notRun' in ccxt) results.push(ccxt);
  return results;
}

function contendersOf(set: BinanceFrames, messages: number, ccxt: CcxtParsers | undefined): Contender[] {
  const { name, frames } = set;
  const passes = Math.max(1, Math.round(messages / frames.length));
  const count = passes * frames.length;
  const ours = `tickloom, ${name}`;
  const all = (work: (frame: Buffer) => void) => () => {
    for (let pass = 0; pass < passes; pass++) for (const frame of frames) work(frame);
  };
  const peer = (title: string, work: (frame: Buffer) => void): Contender => {
    return { name: `${title}, ${name}`, ours: false, like: ours, count, run: all(work) };
  };
  const kept: object[] = [];
  const keep = (made: object) => {
    if (kept.push(made) === BATCH_ROWS) kept.length = 0;
  };
  const toObject = objectsOf(set);
  const parse = ccxt?.parserOf(set);
  return [
    { name: ours, ours: true, count, run: all(decoderOf(set)) },
    peer('JSON.parse and an object', (frame) => keep(toObject(JSON.parse(frame.toString()).data))),
    ...(parse ? [peer('ccxt', (frame) => keep(parse(JSON.parse(frame.toString()).data)))] : []),
  ];
}

/** Decodes into batches, and takes each when it is full, as a read would. */
function decoderOf({ channel, market, symbols }: BinanceFrames): (frame: Buffer) => void {
  const kind = ({ trade: 'trades', bookTicker: 'quotes', depth: 'book' } as const)[channel];
  const sequence = { space: 'bench', scope: 'symbol', step: 'up' } as const;
  const columns = { trades: ['size', 'side', 'offMarket'], quotes: ['bidSize', 'askSize'], book: [] };
  const buffer = new FeedBuffer({
    schema: feedSchema(kind, { columns: columns[kind], sequence, untimed: kind === 'quotes' }),
    batchRows: BATCH_ROWS,
    dictionaries: new DictionarySet(),
    clock: systemClock,
  });
  const writer = new FeedWriter(buffer);
  const table = new SymbolTable(symbols, (symbol) => writer.symbolId(symbol));
  const isUsdm = market === 'usdm';
  const decoder =
    kind === 'trades'
      ? new TradeDecoder('bench', SINGLE_TRADES, table, writer)
      : kind === 'quotes'
        ? new QuoteDecoder('bench', isUsdm, table, writer)
        : new DepthDecoder('bench', isUsdm, table, ({ symbolId, timeMs, lastId, bids, asks }) => {
            for (const [side, { prices, sizes, length }] of [bids, asks].entries()) {
              for (let i = 0; i < length; i++) {
                writer.level(symbolId, timeMs, 0, side, prices[i]!, sizes[i]!, 0, 1, lastId);
              }
            }
          });
  return (frame) => {
    decoder.decode(frame);
    if (buffer.rowsWaiting >= BATCH_ROWS) buffer.take()?.release();
  };
}

type Data = Readonly<Record<string, string>> & {
  readonly m: boolean;
  readonly T: number;
  readonly E: number;
};

function objectsOf({ channel }: BinanceFrames): (data: Data) => object {
  switch (channel) {
    case 'trade':
      return ({ s, t, p, q, T, m }) => {
        return { symbol: s, time: T, price: Number(p), size: Number(q), side: m ? 'sell' : 'buy', id: t };
      };
    case 'bookTicker':
      return ({ s, u, b, B, a, A, T }) => {
        return {
          symbol: s,
          time: T,
          bid: Number(b),
          bidSize: Number(B),
          ask: Number(a),
          askSize: Number(A),
          id: u,
        };
      };
    case 'depth': {
      const levels = (list: unknown) =>
        (list as [string, string][]).map(([price, size]) => ({ price: Number(price), size: Number(size) }));
      return ({ s, U, u, E, b, a }) => ({
        symbol: s,
        time: E,
        first: U,
        last: u,
        bids: levels(b),
        asks: levels(a),
      });
    }
  }
}
