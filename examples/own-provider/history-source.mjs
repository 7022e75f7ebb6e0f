// @ts-check
import { BatchPool, PipelineError, ProviderError, responseError, writeEpochMillis } from 'tickloom/stages';

/** @import { CallGate, Clock, PlainData, Schema, Source, SourceFactory } from 'tickloom/stages' */
/** @typedef {{ url: string, apiKey: string, symbol: string, pageRows: number }} Options */
/** @typedef {{ id: number, ms: number, price: number, size: number }} Trade */

/** @type {Schema} */
const SCHEMA = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64' },
  ],
};
const WHO = 'Provider "trade-history"';
/** A service that does not answer for so long is taken to be away. */
const ANSWER_MS_MAX = 5_000;

/** @type {SourceFactory<Options>} */
export const historySource = {
  plan: () => SCHEMA,
  create(options, { dictionaries, batchRows, gate, clock }) {
    const client = new HistoryClient(options, gate, clock);
    const pool = new BatchPool(SCHEMA, batchRows, dictionaries);
    const symbol = dictionaries.get('symbol');
    let after = 0; // the id of the last trade that was given
    /** @type {Trade[]} */
    let page = [];
    let isLast = false;
    let stopped = false;
    /** @type {Source} */
    const source = {
      schema: SCHEMA,
      // The service gives the same trades for the same `after`.
      capabilities: { delivery: 'replayable', bounded: true },
      order: { scope: 'all', maxDelayNs: 0 },
      // A read may give what is left of a page, without a call.
      gatesItsCalls: true,
      open: () => client.checkStatus(),
      async read() {
        if (page.length === 0 && !isLast && !stopped) ({ page, isLast } = await client.pageAfter(after));
        if (page.length === 0 || stopped) return null;
        const batch = pool.acquire();
        const trades = page.splice(0, batch.capacity);
        const time = batch.int32('time');
        const id = symbol.idOf(options.symbol);
        for (const [row, { ms, price, size }] of trades.entries()) {
          writeEpochMillis(time, row, ms, 0);
          batch.int32('symbol')[row] = id;
          batch.float64('price')[row] = price;
          batch.float64('size')[row] = size;
        }
        batch.length = trades.length;
        after = trades.at(-1)?.id ?? after;
        return batch;
      },
      stop() {
        stopped = true;
      },
      position: () => ({ after }),
      resume(position) {
        after = readPosition(position);
      },
      statistics: () => ({ pages: client.pages }),
      close: () => pool.close(),
    };
    return source;
  },
};

/** Every call passes the gate: budget, breaker, and another try where the kind of the error says so. */
class HistoryClient {
  pages = 0;
  #options;
  #gate;
  #clock;

  /** @param {Options} options @param {CallGate} gate @param {Clock} clock */
  constructor(options, gate, clock) {
    this.#options = options;
    this.#gate = gate;
    this.#clock = clock;
  }

  /** A call that is no read: open to all, so that a wrong address is told apart from a wrong key. */
  async checkStatus() {
    await this.#gate.call((signal) => this.#get('/status', signal), { deadlineMs: 20_000 });
  }

  /** @param {number} after */
  async pageAfter(after) {
    const { symbol, pageRows } = this.#options;
    const query = new URLSearchParams({ symbol, after: `${after}`, limit: `${pageRows}` });
    const answer = await this.#gate.call((signal) => this.#get(`/trades?${query}`, signal));
    const { trades, isLast } = /** @type {{ trades?: Trade[], isLast?: boolean }} */ (answer);
    if (!Array.isArray(trades)) throw new ProviderError('protocol', `${WHO}: expected a list of trades`);
    this.pages++;
    return { page: trades, isLast: isLast === true || trades.length === 0 };
  }

  /** @param {string} path @param {AbortSignal} signal */
  async #get(path, signal) {
    const { url, apiKey } = this.#options;
    const response = await fetch(new URL(path, url), {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    }); // what `fetch` itself throws has a kind already: no connection, no answer in time
    if (response.ok) return response.json();
    throw responseError(response, WHO, Number(this.#clock.wall()) / 1e6);
  }
}

/**
 * What `position` gave, which may come from a file.
 * @param {PlainData} position
 */
function readPosition(position) {
  if (typeof position === 'object' && position !== null && 'after' in position) {
    if (typeof position.after === 'number') return position.after;
  }
  throw new PipelineError('CHECKPOINT_INVALID', `${WHO}: expected the id of a trade as its position`);
}
