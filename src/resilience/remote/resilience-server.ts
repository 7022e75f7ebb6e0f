import { type Clock, systemClock } from '../../core/clock.js';
import { toWireError } from '../../core/errors.js';
import type { MessageLink } from '../../core/message-link.js';
import { BudgetDealer } from '../dealer/budget-dealer.js';
import type { ResilienceCoordinator } from '../resilience-coordinator.js';
import { BreakerHub } from './breaker-hub.js';
import type { FromDealer, RemoteResilienceHandle, ToDealer } from './remote-messages.js';
import { toDealer } from './to-dealer-schema.js';

/** How budgets and breakers are served. */
export interface ResilienceServerOptions {
  /** That of the budgets. */
  readonly clock?: Clock | undefined;
  /** Told why a budget could not be dealt, and of a process that sends what is no message. Must not throw. */
  readonly onProblem?: ((problem: ServerProblem) => void) | undefined;
}

/** What is wrong with a budget, or with a process. */
export interface ServerProblem {
  /** The budget: `provider:ibkr`. */
  readonly scope?: string;
  /** The process: `owner` of its handle. */
  readonly owner?: string;
  readonly error: unknown;
}

/**
 * Where other processes get their budgets and breakers from: child processes of this one. Several of one coordinator
 * deal its budgets together.
 */
export class ResilienceServer {
  readonly #coordinator: ResilienceCoordinator;
  readonly #dealer: BudgetDealer;
  readonly #onProblem: (problem: ServerProblem) => void;
  readonly #endProblems: () => void;
  readonly #hubs = new Map<string, BreakerHub>();
  /** Of the processes that it serves. */
  readonly #ends = new Set<() => void>();

  constructor(
    coordinator: ResilienceCoordinator,
    { clock = systemClock, onProblem = () => {} }: ResilienceServerOptions = {},
  ) {
    this.#coordinator = coordinator;
    this.#dealer = BudgetDealer.of(coordinator.rates, clock);
    this.#onProblem = onProblem;
    this.#endProblems = this.#dealer.onProblem(onProblem);
  }

  /** Plain data for one more process, which opens it with `openRemoteResilience`. */
  handle(): RemoteResilienceHandle {
    return this.#coordinator.remoteHandle(this.#dealer.newOwner());
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
    let isRefused = false;
    link.onMessage((message) => {
      let told: ToDealer;
      try {
        told = toDealer(message);
      } catch (error) {
        if (!isRefused) this.#onProblem({ owner, error }); // once: it may send any number of them
        isRefused = true;
        return;
      }
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
    const end = () => {
      if (this.#ends.delete(end)) for (const each of ends) each();
    };
    this.#ends.add(end);
    return end;
  }

  /** Serves no process any more, and keeps no breakers in step. What was dealt holds to its end. */
  close(): void {
    for (const end of this.#ends) end();
    for (const hub of this.#hubs.values()) hub.close();
    this.#endProblems();
  }

  #hubOf(provider: string): BreakerHub {
    const known = this.#hubs.get(provider);
    if (known) return known;
    const hub = new BreakerHub(this.#coordinator.breaker(provider));
    this.#hubs.set(provider, hub);
    return hub;
  }
}
