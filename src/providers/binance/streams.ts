import { ProviderError } from '../../core/provider-error.js';
import type { ProviderContext } from '../contract/market-data-provider.js';
import type { Frame } from '../contract/network.js';
import type { BookWriter, QuoteWriter, RowWriter, TradeWriter } from '../contract/row-writers.js';
import { keepConnected } from '../network/keep-connected.js';
import type { Connection } from '../network/kept-connection.js';
import { SequenceFilter } from '../network/sequence-filter.js';
import { BookStream } from './book-stream.js';
import { DepthDecoder } from './decode-depth.js';
import { QuoteDecoder } from './decode-quotes.js';
import { TradeDecoder } from './decode-trades.js';
import type { FrameDecoder } from './frame-decoder.js';
import { checkSymbols } from './instruments.js';
import type { BinanceMarket } from './markets.js';
import type { BinanceOptions, BookOptions } from './options.js';
import type { Answer } from './parsed-message.js';
import type { BinanceRest } from './rest.js';
import { kindOf } from './rest-error.js';
import { SymbolTable } from './symbol-table.js';

/** "A single connection is only valid for 24 hours". */
const AGE_MS = 86_400_000;
/** "WebSocket connections have a limit of 5 incoming messages per second", pings and pongs among them. */
const MESSAGE_EVERY_MS = 300;
const CHANNELS_PER_MESSAGE = 200;
const ACKNOWLEDGE_MS_MAX = 10_000;

export interface StreamParts {
  readonly market: BinanceMarket;
  readonly options: BinanceOptions;
  readonly context: ProviderContext;
  readonly rest: BinanceRest;
  readonly symbols: readonly string[];
  readonly signal: AbortSignal;
}

/** Their ids go on by one. While two connections deliver, the ids tell what was seen. */
export function streamTrades(parts: StreamParts, writer: TradeWriter): Promise<void> {
  const { rest, market } = parts;
  const seen = new SeenIds(parts);
  const symbols = tableOf(parts, writer);
  return stream(parts, writer, { channel: market.trades.event }, (connection) => {
    const target: Pick<TradeWriter, 'trade'> = {
      trade(symbol, timeMs, sub, price, size, side, id, offMarket) {
        if (!seen.isNew(symbol, id as number, connection)) return;
        connection.rows(timeMs);
        writer.trade(symbol, timeMs, sub, price, size, side, id, offMarket);
      },
    };
    return new TradeDecoder(rest.who, market.trades, symbols, target);
  });
}

export function streamQuotes(parts: StreamParts, writer: QuoteWriter): Promise<void> {
  const { rest, market } = parts;
  const seen = new SeenIds(parts);
  const symbols = tableOf(parts, writer);
  return stream(parts, writer, { channel: 'bookTicker' }, (connection) => {
    const target: Pick<QuoteWriter, 'quote'> = {
      quote(symbol, timeMs, sub, bid, ask, bidSize, askSize, id) {
        if (!seen.isNew(symbol, id as number, connection)) return;
        connection.rows(timeMs);
        writer.quote(symbol, timeMs, sub, bid, ask, bidSize, askSize, id);
      },
    };
    return new QuoteDecoder(rest.who, market.isUsdm, symbols, target);
  });
}

export function streamBook(parts: StreamParts, options: BookOptions, writer: BookWriter): Promise<void> {
  const { rest, market, context, signal } = parts;
  let current: Connection | undefined;
  const fail = (error: unknown) => current?.fail(error);
  const books = new BookStream({ market, options, context, rest, writer, signal, fail }, parts.symbols);
  const symbols = tableOf(parts, writer);
  return stream(parts, writer, { channel: `depth@${options.bookEvery}` }, (connection) => {
    return new DepthDecoder(rest.who, market.isUsdm, symbols, (update) => {
      current = connection;
      connection.rows(update.timeMs);
      books.take(update);
    });
  });
}

/** Leaves out the rows that another connection has delivered, unless the ids of the venue have begun anew. */
class SeenIds {
  readonly #filter = new SequenceFilter();
  readonly #parts: StreamParts;
  /** Told once for each connection, which may have many symbols. */
  #toldOf = 0;

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  isNew(symbol: number, id: number, { generation }: Connection): boolean {
    if (this.#filter.isNew(symbol, id)) return true;
    if (!this.#filter.beginsAnew(symbol, id)) return false;
    const { context, market } = this.#parts;
    if (generation !== this.#toldOf)
      context.log.warn({ provider: market.name, generation, id }, 'ids of the venue begin anew');
    this.#toldOf = generation;
    this.#filter.forget(symbol);
    return this.#filter.isNew(symbol, id);
  }
}

export const tableOf = ({ symbols }: StreamParts, writer: Pick<RowWriter<never>, 'symbolId'>): SymbolTable =>
  new SymbolTable(symbols, (symbol) => writer.symbolId(symbol));

/** Where a kind of rows comes from. */
interface Channel {
  /** What follows the symbol in the name of a stream of the venue. */
  readonly channel: string;
  /** Of the socket. Default: that of most streams of the market. */
  readonly path?: string;
}

/** Writes what comes over one socket after another. @param decoderFor - Makes what reads the frames of one connection. */
export async function stream(
  { market, options, context, rest, symbols, signal }: StreamParts,
  writer: Pick<RowWriter<never>, 'gap' | 'hasRoom' | 'whenRoom'>,
  { channel, path = market.streamPath }: Channel,
  decoderFor: (connection: Connection) => FrameDecoder,
): Promise<void> {
  if (signal.aborted) return;
  try {
    const halted = await checkSymbols(rest, market, symbols, signal);
    if (halted.length > 0)
      context.log.warn({ provider: market.name, symbols: halted.slice(0, 20) }, 'not traded now');
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  await keepConnected({
    provider: market.name,
    context,
    writer,
    signal,
    url: `${options.streamUrl.replace(/\/+$/, '')}${path}`,
    subscriptions: {
      channels: symbols.map((symbol) => `${symbol.toLowerCase()}@${channel}`),
      channelsPerMessage: CHANNELS_PER_MESSAGE,
      everyMs: MESSAGE_EVERY_MS,
      acknowledgeMsMax: ACKNOWLEDGE_MS_MAX,
      message: (params, id) => JSON.stringify({ method: 'SUBSCRIBE', params, id }),
    },
    maximumAge: { ageMs: AGE_MS, replace: 'overlap' },
    session(connection) {
      const decoder = decoderFor(connection);
      return {
        frame({ bytes }) {
          const answer = decoder.decode(bytes);
          if (answer) take(answer, connection, rest.who);
        },
        hasRows,
      };
    },
  });
}

/** Whether a frame is not the answer to a request. */
function hasRows({ bytes }: Frame): boolean {
  const begin = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 12)).toString('latin1');
  return !/^\{"(?:result|error|code|id)"/.test(begin);
}

function take(answer: Answer, connection: Connection, who: string): void {
  switch (answer.kind) {
    case 'done':
      if (answer.id !== undefined) connection.acknowledge(answer.id);
      return;
    case 'shutdown':
      throw new ProviderError('disconnected', `${who}: its server is about to shut down`);
    case 'refused': {
      const coded = answer.code === undefined ? '' : ` (code ${answer.code})`;
      const kind = kindOf(answer.code) ?? 'invalid-request';
      throw new ProviderError(kind, `${who} refused a message${coded}: ${answer.message}`);
    }
  }
}
