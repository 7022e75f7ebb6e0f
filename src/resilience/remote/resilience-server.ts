import { type Clock, systemClock } from '../../core/clock.js';
import { toWireError } from '../../core/errors.js';
import type { MessageLink } from '../../core/message-link.js';
import { BudgetDealer } from '../dealer/budget-dealer.js';
import type { ResilienceCoordinator } from '../resilience-coordinator.js';
import { BreakerHub } from './breaker-hub.js';
import type { FromDealer, RemoteResilienceHandle, ToDealer } from './remote-messages.js';

/** Where other processes get their budgets and breakers from: child processes of this one. */
export class ResilienceServer {
  readonly #coordinator: ResilienceCoordinator;
  readonly #dealer: BudgetDealer;
  readonly #hubs = new Map<string, BreakerHub>();
  #served = 0;

  constructor(coordinator: ResilienceCoordinator, { clock = systemClock }: { readonly clock?: Clock } = {}) {
    this.#coordinator = coordinator;
    this.#dealer = new BudgetDealer({ rates: coordinator.rates, clock });
  }

  /** Plain data for one more process, which opens it with `openRemoteResilience`. */
  handle(): RemoteResilienceHandle {
    return this.#coordinator.remoteHandle(`process-${++this.#served}`);
  }

  /**
   * Serves a process.
   *
   * @param owner - Of its handle.
   * @returns A function to be called once the process has ended: until then it counts as one that spends.
   */
  serve(owner: string, link: MessageLink): () => void {
    const port = this.#dealer.portOf(owner);
    const post = (message: FromDealer) => link.post(message);
    const ends = [port.onNudge((scope) => post({ type: 'nudge', scope })), () => port.close()];
    const hubs = new Map<string, (found: Extract<ToDealer, { readonly type: 'breaker' }>) => void>();
    for (const provider of this.#coordinator.breakerNames()) {
      const hub = this.#hubOf(provider);
      const tell = (told: Parameters<Parameters<BreakerHub['join']>[0]>[0]) =>
        post({ type: 'breaker', provider, told });
      ends.push(hub.join(tell));
      hubs.set(provider, (found) => hub.found(found, tell));
    }
    link.onMessage((message) => {
      const told = message as ToDealer; // of a process of this release
      if (told.type === 'breaker') {
        hubs.get(told.provider)?.(told);
        return;
      }
      const { id, request } = told;
      port.renew(request).then(
        (share) => post({ type: 'share', id, share }),
        (error: unknown) => post({ type: 'refusal', id, error: toWireError(error) }),
      );
    });
    return () => {
      for (const end of ends) end();
    };
  }

  /** Deals no more, and keeps no breakers in step. */
  close(): void {
    this.#dealer.close();
    for (const hub of this.#hubs.values()) hub.close();
  }

  #hubOf(provider: string): BreakerHub {
    const known = this.#hubs.get(provider);
    if (known) return known;
    const hub = new BreakerHub(this.#coordinator.breaker(provider));
    this.#hubs.set(provider, hub);
    return hub;
  }
}
