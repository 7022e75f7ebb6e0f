/** A trade as a message of the venue has it. */
export interface TradeData {
  readonly t: number;
  readonly T: number;
  readonly p: string;
  readonly q: string;
  readonly m: boolean;
  readonly X?: string;
}

/** As `historicalTrades` answers. */
export const historicalTrades = (trades: readonly TradeData[], fromId: number, limit: number) =>
  trades
    .filter(({ t }) => t >= fromId)
    .slice(0, limit)
    .map(({ t, p, q, T, m }) => ({ id: t, price: p, qty: q, quoteQty: '0', time: T, isBuyerMaker: m }));

const FIRST_AGGREGATED = 100_000;

/** Trades of the market as aggregated ones, each being its own. */
export const aggregated = (trades: readonly TradeData[]) =>
  trades
    .filter(({ X = 'MARKET' }) => X === 'MARKET')
    .map(({ t, p, q, T, m }, i) => ({ a: FIRST_AGGREGATED + i, p, q, f: t, l: t, T, m }));

/** As `aggTrades` answers, from an id or a time on. */
export const aggTrades = (trades: readonly TradeData[], fromId: number, startTime: number, limit: number) =>
  aggregated(trades)
    .filter(({ a, T }) => a >= fromId && T >= startTime)
    .slice(0, limit);
