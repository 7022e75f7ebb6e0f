import { parseDurationNs } from '../../core/duration-text.js';
import type { PlainData } from '../../core/plain-data.js';
import type { BarHistoryRequest, TickHistoryRequest, TickWriter } from '../contract/market-data-provider.js';
import type { BarWriter } from '../contract/row-writers.js';
import { ENDED_MS } from './capabilities.js';
import { decimalIn, wholeIn } from './decimals.js';
import { BARS_MAX, type BinanceMarket } from './markets.js';
import type { BinanceRest } from './rest.js';

/** An aggregated trade has the time of its first one, and may have others of up to so many ms later. */
const AGGREGATED_MS = 1_000;

/** A page of trades, as numbers. */
interface Trade {
  readonly id: number;
  readonly timeMs: number;
  readonly price: number;
  readonly size: number;
  readonly isMaker: boolean;
}

/**
 * Writes a page of the trades of a symbol. They are those of the stream, with the same ids (`historicalTrades`). These
 * can be asked for by id alone; the aggregated ones say which id a time has.
 *
 * @returns The cursor of the next page: the id from which it goes on.
 */
export async function writeTrades(
  rest: BinanceRest,
  { tradesMax, weights, isUsdm }: BinanceMarket,
  { symbol, fromMs, toMs, cursor, rowsWanted }: TickHistoryRequest,
  writer: TickWriter,
  signal: AbortSignal,
): Promise<PlainData> {
  const first =
    typeof cursor === 'number'
      ? cursor
      : await firstId(rest, symbol, weights.aggTrades, fromMs, toMs, signal);
  if (first === undefined) return null;
  const limit = Math.max(1, Math.min(tradesMax, rowsWanted));
  const path = 'historicalTrades';
  const list = await rest.get(path, { symbol, fromId: first, limit }, weights.historicalTrades, signal);
  if (!Array.isArray(list)) return rest.refuse(path, 'a list of trades', list);
  const trades = list.map(
    (item) => tradeIn(item) ?? rest.refuse(path, 'a trade with its id, time, price and size', item),
  );
  const id = writer.symbolId(symbol);
  for (const { id: sequence, timeMs, price, size, isMaker } of trades) {
    if (timeMs < fromMs) continue;
    if (timeMs >= toMs) return null;
    // A price of 0 is none of the market. Which other trades are none, this request does not say.
    const isOffMarket = isUsdm && price === 0;
    writer.trade(id, timeMs, 0, price, size, isMaker ? 2 : 1, sequence, isOffMarket ? 1 : 0);
  }
  const last = trades.at(-1);
  return last === undefined || trades.length < limit ? null : last.id + 1;
}

/**
 * The same with aggregated trades (`aggTrades`), which can be asked for by time as well.
 *
 * @returns The cursor of the next page: the id from which it goes on.
 */
export async function writeAggregatedTrades(
  rest: BinanceRest,
  { tradesMax, weights }: BinanceMarket,
  { symbol, fromMs, toMs, cursor, rowsWanted }: TickHistoryRequest,
  writer: TickWriter,
  signal: AbortSignal,
): Promise<PlainData> {
  const path = 'aggTrades';
  const limit = Math.max(1, Math.min(tradesMax, rowsWanted));
  const from = typeof cursor === 'number' ? { fromId: cursor } : { startTime: Math.ceil(fromMs) };
  const list = await rest.get(path, { symbol, ...from, limit }, weights.aggTrades, signal);
  if (!Array.isArray(list)) return rest.refuse(path, 'a list of aggregated trades', list);
  const trades = list.map(
    (item) => aggregatedTradeIn(item) ?? rest.refuse(path, 'a trade with its id, time, price and size', item),
  );
  const id = writer.symbolId(symbol);
  for (const { id: sequence, timeMs, price, size, isMaker } of trades) {
    if (timeMs < fromMs) continue;
    if (timeMs >= toMs) return null;
    writer.trade(id, timeMs, 0, price, size, isMaker ? 2 : 1, sequence);
  }
  const last = trades.at(-1);
  return last === undefined || trades.length < limit ? null : last.id + 1;
}

/** @returns The id of a trade that is not after the first one of the span; `undefined` if it has none. */
async function firstId(
  rest: BinanceRest,
  symbol: string,
  weight: number,
  fromMs: number,
  toMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const path = 'aggTrades';
  const startTime = Math.max(0, Math.floor(fromMs) - AGGREGATED_MS);
  const list = await rest.get(path, { symbol, startTime, limit: 1 }, weight, signal);
  if (!Array.isArray(list)) return rest.refuse(path, 'a list of aggregated trades', list);
  const [found] = list as readonly unknown[];
  if (found === undefined) return undefined;
  const { f, T } = found as { readonly f?: unknown; readonly T?: unknown };
  const [id, timeMs] = [wholeIn(f), wholeIn(T)];
  if (Number.isNaN(id) || Number.isNaN(timeMs))
    return rest.refuse(path, 'the first id (f) and the time (T)', found);
  return timeMs < toMs ? id : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function tradeIn(item: unknown): Trade | undefined {
  const { id, time, price, qty, isBuyerMaker } = (item ?? {}) as Fields;
  return soundTrade({ id, time, price, size: qty, isMaker: isBuyerMaker });
}

function aggregatedTradeIn(item: unknown): Trade | undefined {
  const { a, T, p, q, m } = (item ?? {}) as Fields;
  return soundTrade({ id: a, time: T, price: p, size: q, isMaker: m });
}

function soundTrade({ id, time, price, size, isMaker }: Fields): Trade | undefined {
  const trade = { id: wholeIn(id), timeMs: wholeIn(time), price: decimalIn(price), size: decimalIn(size) };
  const isSound = Object.values(trade).every(Number.isFinite) && typeof isMaker === 'boolean';
  return isSound ? { ...trade, isMaker } : undefined;
}

/**
 * Writes a page of the bars of a symbol that have ended (`klines`).
 *
 * @param nowMs - Ms since 1970.
 * @returns The cursor of the next page: the time from which it goes on.
 */
export async function writeBars(
  rest: BinanceRest,
  { weights }: BinanceMarket,
  { symbol, fromMs, toMs, cursor, interval }: BarHistoryRequest,
  nowMs: number,
  writer: BarWriter,
  signal: AbortSignal,
): Promise<PlainData> {
  const path = 'klines';
  const startTime = typeof cursor === 'number' ? cursor : Math.ceil(fromMs);
  const endTime = Math.ceil(toMs) - 1;
  if (startTime > endTime) return null;
  const parameters = { symbol, interval, startTime, endTime, limit: BARS_MAX };
  const list = await rest.get(path, parameters, weights.klines, signal);
  if (!Array.isArray(list)) return rest.refuse(path, 'a list of bars', list);
  const id = writer.symbolId(symbol);
  const lengthMs = Number(parseDurationNs(interval)) / 1e6;
  let lastMs = Number.NaN;
  for (const [at, item] of (list as readonly unknown[]).entries()) {
    const [time, open, high, low, close, volume, endMs, turnover, count] = Array.isArray(item) ? item : [];
    const [timeMs, closeMs, trades] = [wholeIn(time), wholeIn(endMs), wholeIn(count)];
    const prices = [open, high, low, close, volume, turnover].map(decimalIn);
    if (![timeMs, closeMs, trades, ...prices].every(Number.isFinite)) {
      return rest.refuse(path, 'a bar with its times, prices, volume, turnover and number of trades', item);
    }
    if (at === list.length - 1 && closeMs + ENDED_MS >= nowMs) return null; // it may go on
    const [o, h, l, c, v, t] = prices as [number, number, number, number, number, number];
    writer.bar(id, timeMs, 0, o, h, l, c, v, v > 0 ? t / v : Number.NaN, trades);
    lastMs = timeMs;
  }
  return list.length < BARS_MAX ? null : lastMs + lengthMs;
}
