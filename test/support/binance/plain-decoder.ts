/**
 * An independent reading of Binance's messages, by `JSON.parse` and objects: what the decoders are compared with. Knows
 * nothing of their code.
 */
export type PlainRow = readonly (string | number)[];

export type PlainOutcome =
  | { readonly rows: readonly PlainRow[] }
  | { readonly answer: string }
  | { readonly wrong: true };

export interface PlainOptions {
  readonly kind: 'trade' | 'aggTrade' | 'bookTicker' | 'depthUpdate' | 'kline';
  readonly market: 'spot' | 'usdm';
  readonly symbols: readonly string[];
}

const WRONG = { wrong: true } as const;
type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A number in a text as decimals are written, or NaN. */
export function plainNumber(value: unknown): number {
  if (typeof value !== 'string' || !/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(value))
    return Number.NaN;
  return Number.isFinite(Number(value)) ? Number(value) : Number.NaN;
}

export function plainDecode(text: string, { kind, market, symbols }: PlainOptions): PlainOutcome {
  let outer: unknown;
  try {
    outer = JSON.parse(text);
  } catch {
    return WRONG;
  }
  if (!isObject(outer)) return WRONG;
  const message = isObject(outer.data) ? outer.data : outer;
  const answer = answerIn(message);
  if (answer !== undefined) return { answer };
  const isNamed =
    message.e === kind || (kind === 'bookTicker' && market === 'spot' && message.e === undefined);
  if (!isNamed || typeof message.s !== 'string' || !symbols.includes(message.s)) return WRONG;
  if (kind === 'depthUpdate') return levelsIn(message, market);
  if (kind === 'kline') return barIn(message);
  const row = kind === 'bookTicker' ? quoteIn(message, market) : tradeIn(message, kind);
  return row ? { rows: [row] } : WRONG;
}

function answerIn({ e, result, error, code, ...rest }: Fields): string | undefined {
  if (e === 'serverShutdown') return 'shutdown';
  if (e !== undefined || rest.s !== undefined) return undefined;
  if (isObject(error) || code !== undefined) return 'refused';
  return result === null ? `done ${typeof rest.id === 'number' ? rest.id : undefined}` : undefined;
}

function tradeIn(message: Fields, kind: string): PlainRow | undefined {
  const { s, T, m, X } = message;
  const [price, size] = [plainNumber(message.p), plainNumber(message.q)];
  const id = kind === 'trade' ? message.t : message.a;
  if (!isWhole(T) || !isWhole(id) || typeof m !== 'boolean') return undefined;
  if (Number.isNaN(price) || Number.isNaN(size)) return undefined;
  return [s as string, T, price, size, m ? 'sell' : 'buy', id, 'X' in message && X !== 'MARKET' ? 1 : 0];
}

function quoteIn({ s, b, B, a, A, T, u }: Fields, market: string): PlainRow | undefined {
  const values = [b, a, B, A].map(plainNumber);
  const time = market === 'usdm' ? T : Number.NaN;
  if (values.some(Number.isNaN) || !isWhole(u) || (market === 'usdm' && !isWhole(time))) return undefined;
  return [s as string, time as number, ...values, u];
}

/** Bars of a minute. */
function barIn({ s, k }: Fields): PlainOutcome {
  if (!isObject(k) || k.i !== '1m' || !isWhole(k.t) || typeof k.x !== 'boolean') return WRONG;
  if (!k.x) return { rows: [[s as string, k.t, 'goes on']] };
  const values = [k.o, k.h, k.l, k.c, k.v, k.q].map(plainNumber);
  if (values.some(Number.isNaN) || !isWhole(k.n)) return WRONG;
  const [open, high, low, close, volume, turnover] = values as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const vwap = volume > 0 ? turnover / volume : Number.NaN;
  return { rows: [[s as string, k.t, open, high, low, close, volume, vwap, k.n]] };
}

function levelsIn(message: Fields, market: string): PlainOutcome {
  const { s, T, E, U, u, pu, b, a } = message;
  const time = market === 'usdm' ? T : E;
  if (!isWhole(time) || !isWhole(U) || !isWhole(u) || (market === 'usdm' && !isWhole(pu))) return WRONG;
  if (!Array.isArray(b) || !Array.isArray(a)) return WRONG;
  const rows: PlainRow[] = [[s as string, time, U, u, market === 'usdm' ? (pu as number) : -1]];
  for (const [side, levels] of [
    ['bid', b],
    ['ask', a],
  ] as const) {
    for (const level of levels as unknown[]) {
      const [price, size] = Array.isArray(level) ? [plainNumber(level[0]), plainNumber(level[1])] : [];
      if (price === undefined || Number.isNaN(price) || Number.isNaN(size)) return WRONG;
      rows.push([side, price, size as number]);
    }
  }
  return { rows };
}
