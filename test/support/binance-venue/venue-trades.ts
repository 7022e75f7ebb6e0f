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

const LENGTHS_MS: Readonly<Record<string, number>> = {
  '1s': 1_000,
  '1m': 60_000,
  '3m': 180_000,
  '5m': 300_000,
};

export interface KlineRequest {
  readonly interval: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly limit: number;
}

/** As `klines` answers: bars of the trades. */
export function klines(trades: readonly TradeData[], { interval, startTime, endTime, limit }: KlineRequest) {
  const ms = LENGTHS_MS[interval] ?? 60_000;
  const bars = new Map<number, TradeData[]>();
  for (const trade of trades) {
    const open = Math.floor(trade.T / ms) * ms;
    if (open < startTime || open > endTime) continue;
    const of = bars.get(open);
    if (of) of.push(trade);
    else bars.set(open, [trade]);
  }
  return [...bars].slice(0, limit).map(([open, of]) => {
    const prices = of.map(({ p }) => Number(p));
    const volume = of.reduce((sum, { q }) => sum + Number(q), 0);
    const turnover = of.reduce((sum, { p, q }) => sum + Number(p) * Number(q), 0);
    const [first, last] = [of[0]!.p, of.at(-1)!.p];
    const high = String(Math.max(...prices));
    const low = String(Math.min(...prices));
    const end = open + ms - 1;
    return [open, first, high, low, last, String(volume), end, String(turnover), of.length, '0', '0', '0'];
  });
}
