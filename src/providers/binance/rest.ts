import { ProviderError } from '../../core/provider-error.js';
import { describeValue } from '../../core/shown-text.js';
import type { ProviderContext } from '../contract/market-data-provider.js';
import type { BinanceMarket } from './markets.js';
import type { BinanceOptions } from './options.js';
import { restError } from './rest-error.js';

type Parameters = Readonly<Record<string, string | number>>;

/** Requests to the venue. */
export class BinanceRest {
  readonly who: string;
  readonly #market: BinanceMarket;
  readonly #options: BinanceOptions;
  readonly #context: ProviderContext;

  constructor(market: BinanceMarket, options: BinanceOptions, context: ProviderContext) {
    this.who = `Provider "${market.name}"`;
    this.#market = market;
    this.#options = options;
    this.#context = context;
  }

  /** Makes a request through the gate. @param weight - What it costs of the limit that the venue publishes. */
  get(path: string, parameters: Parameters, weight: number, signal: AbortSignal): Promise<unknown> {
    return this.#context.gate.call((own) => this.ask(path, parameters, own), { cost: weight, signal });
  }

  /** Makes a request, within a call of the gate. */
  async ask(path: string, parameters: Parameters, signal: AbortSignal): Promise<unknown> {
    const { network, clock } = this.#context;
    const { restUrl, apiKey } = this.#options;
    const url = new URL(`${restUrl.replace(/\/+$/, '')}${this.#market.restPath}/${path}`);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
    const headers = apiKey === undefined ? {} : { 'x-mbx-apikey': apiKey };
    const label = typeof parameters.symbol === 'string' ? parameters.symbol : undefined;
    // Another origin must not get the key.
    const redirectsMax = apiKey === undefined ? undefined : 0;
    const answer = await network.request(url, { headers, signal, label, redirectsMax });
    this.#observe(answer.headers['x-mbx-used-weight-1m']);
    if (answer.status === 200) return answer.json();
    throw restError(this.who, answer, Number(clock.wall()) / 1e6);
  }

  /** "Every request will contain X-MBX-USED-WEIGHT-(intervalNum)(intervalLetter)", also one that is refused. */
  #observe(weight: string | undefined): void {
    if (!this.#options.observeWeight || weight === undefined || !/^\d{1,9}$/.test(weight)) return;
    this.#context.gate.observeUsed?.({ used: Number(weight) });
  }

  /** @throws {ProviderError} `protocol`: an answer is not as it should be. */
  refuse(path: string, expected: string, found: unknown): never {
    throw new ProviderError(
      'protocol',
      `${this.who}, ${path}: expected ${expected}, found ${describeValue(found)}`,
    );
  }
}
