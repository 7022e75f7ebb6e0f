import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../../src/core/clock.js';
import { systemClock } from '../../../src/core/clock.js';
import type { Nanos } from '../../../src/core/units.js';
import type { RecordedFrame, RecordedSession } from '../binance/recorded-frames.js';
import { type DepthData, VenueBook } from './venue-book.js';
import type { Refusal, VenueFault } from './venue-faults.js';
import { klines, VenueKlines } from './venue-klines.js';
import { aggregated, aggTrades, historicalTrades, type TradeData } from './venue-trades.js';

/** Frames that are sent in one go. */
const FRAMES_PER_TURN = 64;
export const API_KEY = 'key-of-a-test-account';
const WEIGHTS = { exchangeInfo: 20, depth: 50, historicalTrades: 25, aggTrades: 4, klines: 2 };

export interface VenueOptions {
  readonly session: RecordedSession;
  readonly faults?: readonly VenueFault[];
  /** Whether requests know the trades of the whole tape, or those that were played. */
  readonly knowsAll?: boolean;
  /** Frames that go by until a snapshot that was asked for is answered. */
  readonly snapshotFrames?: number;
  /** Weight of the requests of a minute. Beyond, they are refused with 429. */
  readonly weightLimit?: number;
  /** Whether its frames are of the instant at which they are played, by the clock of this host. */
  readonly isNow?: boolean;
}

/** What it sent and what it did not, by channel: ids of trades, of quotes and of updates of the book. */
interface Ledger {
  readonly sent: number[];
  readonly lost: number[];
}

/** A local venue that plays a recorded session back, answers requests, and has faults by script. */
export class BinanceVenue {
  readonly #options: VenueOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, autoPong: false });
  readonly #clients = new Map<WebSocket, Set<string>>();
  readonly #book: VenueBook;
  readonly #trades: TradeData[] = [];
  /** By the interval of those that somebody has asked for. */
  readonly #klines = new Map<string, VenueKlines>();
  readonly #allTrades: readonly TradeData[];
  readonly #refusals: { refusal: Refusal; left: number }[] = [];
  #waiting: { readonly until: number; tell(): void }[] = [];
  #onSubscribed: (() => void)[] = [];
  #isMute = false;
  #next = 0;
  #nowNs: bigint;
  #lastTimes = {};
  /** Paths of the requests that it got, those that it refused as well, with their parameters. */
  readonly requests: string[] = [];
  /** Connections that were opened. */
  connections = 0;
  usedWeight = 0;
  /** The trades that went by with nobody connected, with their times in ms since 1970. */
  readonly missed: { readonly id: number; readonly ms: number }[] = [];
  readonly ledger: Record<RecordedFrame['channel'], Ledger> = {
    trade: { sent: [], lost: [] },
    bookTicker: { sent: [], lost: [] },
    depth: { sent: [], lost: [] },
  };

  private constructor(options: VenueOptions) {
    const { frames, snapshot, snapshotReceivedNs } = options.session;
    this.#options = options;
    this.#book = new VenueBook(snapshot);
    this.#nowNs = snapshotReceivedNs;
    this.#allTrades = frames.flatMap((frame) =>
      frame.channel === 'trade' ? [dataOf(frame) as TradeData] : [],
    );
    this.#http = createServer((request, response) => void this.#answer(request, response));
    this.#http.on('upgrade', (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#accept(client, request.url ?? ''));
    });
  }

  static async start(options: VenueOptions): Promise<BinanceVenue> {
    const venue = new BinanceVenue(options);
    venue.#http.listen(0, '127.0.0.1');
    await once(venue.#http, 'listening');
    return venue;
  }

  /** Options of the provider for it. */
  get options() {
    const { port } = this.#http.address() as AddressInfo;
    return { restUrl: `http://127.0.0.1:${port}`, streamUrl: `ws://127.0.0.1:${port}` };
  }

  get provider(): 'binance-spot' | 'binance-usdm' {
    return this.#options.session.market === 'spot' ? 'binance-spot' : 'binance-usdm';
  }

  /**
   * A clock whose wall time is that of the recording host: that of the frame that was played last.
   *
   * @param factor - How much faster than real its timers run.
   */
  clock(factor = 1): Clock {
    return {
      ...systemClock,
      now: () => (systemClock.now() * BigInt(factor)) as Nanos,
      wall: () => this.#nowNs as Nanos,
      setTimeout: (callback, delayMs) => systemClock.setTimeout(callback, delayMs / factor),
    };
  }

  /** What has gone by, given to somebody or not. */
  get trades(): readonly TradeData[] {
    return this.#trades;
  }

  /** The book as the venue has it now. */
  get book(): VenueBook {
    return this.#book;
  }

  refuse(refusal: Refusal): void {
    this.#refusals.push({ refusal, left: refusal.times ?? 1 });
  }

  /** Resolves once a client has subscribed to something. */
  async subscribed(): Promise<void> {
    while (![...this.#clients.values()].some((streams) => streams.size > 0)) {
      await new Promise<void>((resolve) => this.#onSubscribed.push(resolve));
    }
    if (!this.#options.isNow) return;
    // Or a frame could be of an instant at which the client did not know that it is subscribed. Instants are whole ms.
    await this.roundTrips();
    for (const knownMs = Date.now(); Date.now() < knownMs + 2; ) await setImmediate();
  }

  /** Plays the tape to its end, or to a frame, as fast as clients take it; waits for one where there is none. */
  async play(until = this.#options.session.frames.length): Promise<void> {
    const { frames } = this.#options.session;
    await this.subscribed();
    for (let inTurn = 0; this.#next < Math.min(until, frames.length); inTurn++) {
      if (inTurn % FRAMES_PER_TURN === 0) await this.#flushed();
      const fault = this.#options.faults?.find(({ at }) => at === this.#next);
      if (fault) await this.#withFault(fault);
      else this.#step('send');
    }
    await this.roundTrips();
  }

  /** Lets the beginning of the tape go by with nobody there. */
  skip(frames: number): void {
    for (let i = 0; i < frames; i++) this.#step('lose');
  }

  /** Plays on and on, at a pace, until it is closed: a tape that does not end for as long as somebody looks. */
  playSlowly(framesPerTurn: number, everyMs: number): void {
    const timer = setInterval(() => {
      for (let i = 0; i < framesPerTurn && this.#next < this.#options.session.frames.length; i++)
        this.#step('send');
    }, everyMs);
    this.#http.once('close', () => clearInterval(timer));
  }

  /** All clients have got what was sent. */
  async roundTrips(): Promise<void> {
    await Promise.all(
      [...this.#clients.keys()].map(async (client) => {
        if (client.readyState !== client.OPEN) return;
        const answered = Promise.race([once(client, 'pong'), once(client, 'close')]);
        client.ping();
        await answered;
      }),
    );
  }

  async close(): Promise<void> {
    for (const client of this.#clients.keys()) client.terminate();
    this.#sockets.close();
    this.#http.close();
    this.#http.closeAllConnections();
    if (this.#http.listening) await once(this.#http, 'close');
  }

  async #withFault(fault: VenueFault): Promise<void> {
    switch (fault.what) {
      case 'drop': {
        await this.roundTrips();
        for (const client of this.#clients.keys()) client.terminate();
        this.#clients.clear();
        for (let i = 0; i <= (fault.missing ?? 0); i++) this.#step('miss');
        await this.subscribed();
        return;
      }
      case 'lose':
        for (let i = 0; i < fault.frames; i++) this.#step('lose');
        return;
      case 'double':
        this.#toWanted();
        return this.#step('double');
      case 'garble': {
        this.#toWanted();
        const clients = [...this.#clients.keys()];
        this.#step('garble');
        // Who cannot read it, gives the connection up. What would be sent on it meanwhile would be missing.
        await Promise.all(clients.map((client) => once(client, 'close')));
        return this.subscribed();
      }
      case 'silence': {
        await this.roundTrips();
        this.#isMute = true;
        const mute = new Set(this.#clients.keys());
        for (let i = 0; i < fault.frames; i++) this.#step('miss');
        await Promise.all(
          [...mute].map((client) => client.readyState < client.CLOSING && once(client, 'close')),
        );
        this.#isMute = false;
        await this.subscribed();
      }
    }
  }

  /** Plays on until the next frame is of a channel that somebody has asked for. */
  #toWanted(): void {
    const { frames, symbol } = this.#options.session;
    const prefix = `${symbol.toLowerCase()}@`;
    const isWanted = ({ channel }: RecordedFrame) =>
      [...this.#clients.values()].some(
        (streams) =>
          streams.has(`${prefix}${channel}`) ||
          (channel === 'trade' && [...streams].some((name) => name.startsWith(`${prefix}kline_`))),
      );
    while (this.#next < frames.length && !isWanted(frames[this.#next]!)) this.#step('send');
  }

  #step(how: 'send' | 'lose' | 'miss' | 'double' | 'garble'): void {
    const played = this.#options.session.frames[this.#next++];
    if (!played) return;
    const frame = this.#options.isNow ? ofNow(played) : played;
    this.#nowNs = frame.receivedNs;
    const data = dataOf(frame);
    const { sent, lost } = this.ledger[frame.channel];
    (how === 'send' || how === 'double' ? sent : lost).push(idOf(frame, data));
    if (frame.channel === 'trade') {
      const trade = data as TradeData;
      this.#trades.push(trade);
      this.#makeKlines(trade, how === 'send' ? 1 : how === 'double' ? 2 : 0, how === 'garble');
      if (how === 'miss' || how === 'garble') this.missed.push({ id: trade.t, ms: trade.T });
    }
    if (frame.channel === 'depth') {
      const { E, T } = data as { E: number; T?: number };
      this.#book.apply(data as DepthData);
      if (T !== undefined) this.#lastTimes = { E, T };
    }
    const bytes = how === 'garble' ? frame.bytes.subarray(0, frame.bytes.length >> 1) : frame.bytes;
    if (how !== 'lose' && how !== 'miss') this.#send(frame, bytes);
    if (how === 'double') this.#send(frame, bytes);
    this.#waiting = this.#waiting.filter(({ until, tell }) => {
      if (until > this.#next) return true;
      tell();
      return false;
    });
  }

  #send({ channel }: RecordedFrame, bytes: Buffer): void {
    const name = `${this.#options.session.symbol.toLowerCase()}@${channel}`;
    for (const [client, streams] of this.#clients) {
      if (streams.has(name)) client.send(bytes, { binary: false });
      if (channel === 'trade' && streams.has(AGGREGATED)) this.#sendAggregated(client);
    }
  }

  /** Sends the bars that have ended with a trade, and the one that goes on. @param times - How often. */
  #makeKlines(trade: TradeData, times: number, isGarbled: boolean): void {
    const { symbol } = this.#options.session;
    for (const [interval, made] of this.#klines) {
      const ended = made.take(trade);
      const texts = ended.map((bar) => made.message(symbol, interval, bar, true, trade.T));
      if (made.current) texts.push(made.message(symbol, interval, made.current, false, trade.T));
      const name = `${symbol.toLowerCase()}@kline_${interval}`;
      for (const [client, streams] of this.#clients) {
        if (!streams.has(name)) continue;
        if (isGarbled) client.send(texts[0]!.slice(0, texts[0]!.length >> 1));
        for (let i = 0; i < times; i++) for (const text of texts) client.send(text);
      }
    }
  }

  /** From its first trade on. */
  #beginKlines(interval: string): void {
    if (this.#klines.has(interval)) return;
    const made = new VenueKlines(interval);
    for (const trade of this.#trades) made.take(trade);
    this.#klines.set(interval, made);
  }

  /** The trade that was played last, if it is of the market. */
  #sendAggregated(client: WebSocket): void {
    const { X = 'MARKET', T } = this.#trades.at(-1)!;
    const [last] = aggregated(this.#trades).slice(-1);
    if (X !== 'MARKET' || !last) return;
    const data = { e: 'aggTrade', E: T, s: this.#options.session.symbol, ...last, nq: last.q };
    client.send(JSON.stringify({ stream: AGGREGATED, data }));
  }

  #pathOf(stream: string): string {
    if (this.#options.session.market === 'spot') return '/stream';
    return /@(aggTrade|kline_\w+)$/.test(stream) ? '/market/stream' : '/public/stream';
  }

  async #flushed(): Promise<void> {
    do await setImmediate();
    while ([...this.#clients.keys()].some((client) => client.bufferedAmount > 0));
  }

  #accept(client: WebSocket, path: string): void {
    this.connections++;
    const streams = new Set<string>();
    this.#clients.set(client, streams);
    client.on('close', () => this.#clients.delete(client));
    client.on('ping', (data) => {
      if (!this.#isMute) client.pong(data);
    });
    client.on('message', (message) => {
      const { method, params, id } = JSON.parse(message.toString());
      if (method !== 'SUBSCRIBE') {
        client.send(
          JSON.stringify({ error: { code: 2, msg: `Invalid request: unknown variant ${method}` }, id }),
        );
        return;
      }
      for (const name of params as string[]) {
        // A stream at the wrong path is confirmed, and mute.
        if (path !== this.#pathOf(name)) continue;
        streams.add(name.split('@').slice(0, 2).join('@'));
        const interval = /@kline_(\w+)$/.exec(name)?.[1];
        if (interval !== undefined) this.#beginKlines(interval);
      }
      client.send(JSON.stringify({ result: null, id }));
      for (const tell of this.#onSubscribed.splice(0)) tell();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://venue');
    const name = url.pathname.split('/').at(-1) as keyof typeof WEIGHTS;
    this.requests.push(`${url.pathname}${url.search}`);
    this.usedWeight += WEIGHTS[name] ?? 1;
    response.setHeader('x-mbx-used-weight-1m', String(this.usedWeight));
    const send = (status: number, body: unknown) => {
      response.statusCode = status;
      response.setHeader('content-type', 'application/json;charset=UTF-8');
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const scripted = this.#refusals.find(
      ({ left, refusal: { path = '' } }) => left > 0 && url.pathname.endsWith(path),
    );
    const { weightLimit = Number.POSITIVE_INFINITY } = this.#options;
    if (scripted || this.usedWeight > weightLimit) {
      const { status, code, msg, retryAfterS } = scripted?.refusal ?? TOO_MANY;
      if (scripted) scripted.left--;
      if (retryAfterS !== undefined) response.setHeader('retry-after', String(retryAfterS));
      send(status, code === undefined ? '<html>' : { code, msg });
      return;
    }
    const refused = this.#refusedFor(name, url, request.headers['x-mbx-apikey']);
    if (refused) send(refused.status, { code: refused.code, msg: refused.msg });
    else send(200, await this.#bodyOf(name, url.searchParams));
  }

  #refusedFor(name: string, { pathname, searchParams: query }: URL, key: unknown): Refusal | undefined {
    const { market, symbol } = this.#options.session;
    const path = market === 'spot' ? `/api/v3/${name}` : `/fapi/v1/${name}`;
    if (!(name in WEIGHTS) || pathname !== path) return { status: 404, code: -5000, msg: 'Path is invalid' };
    const asked = query.get('symbol') ?? JSON.parse(query.get('symbols') ?? 'null');
    const isUnknown =
      typeof asked === 'string' ? asked !== symbol : asked?.some((one: string) => one !== symbol);
    if (isUnknown) return { status: 400, code: -1121, msg: 'Invalid symbol.' };
    if (market === 'spot' || name !== 'historicalTrades') return undefined;
    if (key === undefined) return { status: 401, code: -2014, msg: 'API-key format invalid.' };
    return key === API_KEY
      ? undefined
      : { status: 401, code: -2015, msg: 'Invalid API-key, IP, or permissions.' };
  }

  async #bodyOf(name: keyof typeof WEIGHTS, query: URLSearchParams): Promise<unknown> {
    const { session, knowsAll, snapshotFrames = 0 } = this.#options;
    const trades = knowsAll ? this.#allTrades : this.#trades;
    const number = (key: string) => Number(query.get(key) ?? 0);
    switch (name) {
      case 'exchangeInfo':
        return { symbols: [instrumentOf(session)] };
      case 'depth': {
        const taken = this.#book.snapshot(this.#lastTimes);
        const until = Math.min(this.#next + snapshotFrames, session.frames.length);
        if (until > this.#next) await new Promise<void>((tell) => this.#waiting.push({ until, tell }));
        return taken;
      }
      case 'historicalTrades':
        return historicalTrades(trades, number('fromId'), number('limit'));
      case 'aggTrades':
        return aggTrades(trades, number('fromId'), number('startTime'), number('limit'));
      case 'klines':
        return klines(trades, {
          interval: query.get('interval') ?? '',
          startTime: number('startTime'),
          endTime: number('endTime'),
          limit: number('limit'),
        });
    }
  }
}

const AGGREGATED = 'btcusdt@aggTrade';
const TOO_MANY: Refusal = { status: 429, code: -1003, msg: 'Too much request weight used.', retryAfterS: 1 };

/** The same frame, of the present. */
function ofNow({ channel, bytes }: RecordedFrame): RecordedFrame {
  const ms = Date.now();
  const { stream, data } = JSON.parse(bytes.toString('utf8'));
  const times = { ...('E' in data && { E: ms }), ...('T' in data && { T: ms }) };
  const text = JSON.stringify({ stream, data: { ...data, ...times } });
  return { channel, receivedNs: BigInt(ms) * 1_000_000n, bytes: Buffer.from(text) };
}

const dataOf = ({ bytes }: RecordedFrame): unknown => JSON.parse(bytes.toString('utf8')).data;

function idOf({ channel }: RecordedFrame, data: unknown): number {
  const { t, u } = data as { readonly t: number; readonly u: number };
  return channel === 'trade' ? t : u;
}

function instrumentOf({ symbol, market }: RecordedSession) {
  return {
    symbol,
    status: 'TRADING',
    baseAsset: symbol.slice(0, -4),
    quoteAsset: 'USDT',
    ...(market === 'usdm' && { contractType: 'PERPETUAL' }),
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000', tickSize: '0.01000000' },
      { filterType: 'LOT_SIZE', minQty: '0.00001', maxQty: '9000', stepSize: '0.00001000' },
    ],
  };
}
