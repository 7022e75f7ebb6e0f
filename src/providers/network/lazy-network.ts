import type { Clock } from '../../core/clock.js';
import type { HttpAnswer, RequestOptions, Socket, SocketOptions } from '../contract/network.js';
import type { OwnedNetwork } from './owned-network.js';

/** Loads the network of the host with the first call, so that a provider that has its own client does not pay for it. */
export class LazyNetwork implements OwnedNetwork {
  readonly #provider: string;
  readonly #clock: Clock;
  #loaded: Promise<OwnedNetwork> | undefined;
  #isClosed = false;

  constructor(provider: string, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  async openSocket(url: string | URL, options?: SocketOptions): Promise<Socket> {
    return (await this.#load()).openSocket(url, options);
  }

  async request(url: string | URL, options?: RequestOptions): Promise<HttpAnswer> {
    return (await this.#load()).request(url, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#loaded)?.close();
  }

  #load(): Promise<OwnedNetwork> {
    this.#loaded ??= import('./host-network.js').then(({ HostNetwork }) => {
      const network = new HostNetwork(this.#provider, this.#clock);
      if (this.#isClosed) network.close();
      return network;
    });
    return this.#loaded;
  }
}
