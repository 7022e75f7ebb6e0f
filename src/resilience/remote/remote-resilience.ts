import { type Clock, systemClock } from '../../core/clock.js';
import { RemoteError } from '../../core/errors.js';
import type { MessageLink } from '../../core/message-link.js';
import type { Breaker } from '../breaker/breaker-calls.js';
import type { BreakerEvent } from '../breaker/breaker-event.js';
import { BudgetLeases, type BudgetLeasesParts } from '../budget-leases.js';
import type { BudgetPort, BudgetShare } from '../budget-port.js';
import type { Limiter } from '../rate/limiter.js';
import type { ObservedUsage } from '../rate/rate-client.js';
import { type ScopeRef, scopeNames, scopeOfName, type ThrottledScope } from '../rate/scope-ref.js';
import type { Resilience } from '../resilience-client.js';
import { ResilienceCoordinator } from '../resilience-coordinator.js';
import { checkRemoteParts } from './check-remote.js';
import type { FromDealer, RemoteResilienceHandle, ToDealer } from './remote-messages.js';

/** How budgets and breakers of another process are opened. */
export interface RemoteResilienceParts {
  readonly handle: RemoteResilienceHandle;
  /** To the process that made the handle, which serves this one. */
  readonly link: MessageLink;
  readonly clock?: Clock | undefined;
  /** Told why a share was not renewed. Must not throw. */
  readonly onProblem: BudgetLeasesParts['onProblem'];
}

/**
 * Opens budgets and breakers of another process in this one: nothing is shared but messages. The budgets are shares of
 * those of the other, and wait as at a budget of nothing while that is silent. The breakers are its own, and go to the
 * states that others find.
 *
 * @throws {InvalidOptionsError} if a part is missing, or is none.
 */
export function openRemoteResilience(parts: RemoteResilienceParts): RemoteResilience {
  checkRemoteParts(parts);
  return new RemoteResilience(parts);
}

/** Budgets and breakers of another process. */
export class RemoteResilience implements Resilience {
  readonly #own: ResilienceCoordinator;
  readonly #parts: RemoteResilienceParts & { readonly clock: Clock };
  readonly #port: LinkedPort;
  /** By name of the budget: each is asked for once it is used. */
  readonly #leases = new Map<string, BudgetLeases>();

  constructor({ clock = systemClock, ...parts }: RemoteResilienceParts) {
    const { handle, link } = parts;
    this.#parts = { ...parts, clock };
    this.#own = new ResilienceCoordinator({ clock, ...settingsOf(handle) });
    for (const [name, budget] of Object.entries(handle.budgets)) {
      this.#own.rates.set(scopeOfName(name)!, budget);
    }
    this.#port = new LinkedPort(link);
    link.onMessage((message) => this.#take(message as FromDealer)); // of a process of this release
    for (const provider of this.#own.breakerNames()) {
      this.#own.breaker(provider).subscribe((event) => this.#found(provider, event));
    }
  }

  limiter(ref: ScopeRef): Limiter {
    this.#lease(ref);
    return this.#own.limiter(ref);
  }

  breaker(provider: string): Breaker {
    this.#lease({ provider });
    return this.#own.breaker(provider);
  }

  throttled(ref: ThrottledScope, retryAfterMs?: number): void {
    this.#lease(ref);
    this.#own.throttled(ref, retryAfterMs);
  }

  observeUsed(ref: ScopeRef, usage: ObservedUsage): void {
    this.#lease(ref);
    this.#own.observeUsed(ref, usage);
  }

  /** Refuses all calls that wait, and asks for no more. */
  close(): void {
    for (const leases of this.#leases.values()) leases.close();
    this.#own.close();
  }

  /** Sees to it that this process has shares of all that a call spends from. */
  #lease(ref: ScopeRef): void {
    const { handle, clock, onProblem } = this.#parts;
    for (const name of scopeNames(ref)) {
      if (this.#leases.has(name) || this.#own.rates.declared(name) === undefined) continue;
      const leases = new BudgetLeases({
        port: this.#port,
        rates: this.#own.rates,
        budgets: [{ ref: scopeOfName(name)! }],
        owner: handle.owner,
        clock,
        onProblem,
      });
      this.#leases.set(name, leases);
      void leases.start();
    }
  }

  #take(message: FromDealer): void {
    if (message.type === 'breaker') this.#own.breaker(message.provider).told(message.told);
    else this.#port.take(message);
  }

  /** What the breaker of this process found itself, all others are to know at once. */
  #found(provider: string, event: BreakerEvent): void {
    const isOwn =
      event.type === 'halfOpened' ||
      (event.type === 'opened' && event.reason !== 'told') ||
      (event.type === 'closed' && event.cause !== 'told');
    if (!isOwn) return;
    const breaker = this.#own.breaker(provider);
    const version = breaker.toldVersion;
    const message: ToDealer =
      event.type === 'opened'
        ? { type: 'breaker', provider, state: 'open', openLeftMs: event.openForMs, version }
        : { type: 'breaker', provider, state: event.type === 'closed' ? 'closed' : 'halfOpen', version };
    this.#parts.link.post(message);
  }
}

/** The port of whoever is at the other end of a link. */
class LinkedPort implements BudgetPort {
  readonly isShared = true;
  readonly #link: MessageLink;
  readonly #nudges = new Set<(scope: string) => void>();
  /** One request of each budget at a time, so it has a bound. */
  readonly #asked = new Map<
    number,
    { readonly resolve: (share: BudgetShare) => void; readonly reject: (error: unknown) => void }
  >();
  readonly #lastOf = new Map<string, number>();
  #ids = 0;

  constructor(link: MessageLink) {
    this.#link = link;
  }

  renew(request: Parameters<BudgetPort['renew']>[0]): Promise<BudgetShare> {
    const id = ++this.#ids;
    // Nobody waits for the answer to the one before any more.
    this.#asked.delete(this.#lastOf.get(request.scope) ?? 0);
    this.#lastOf.set(request.scope, id);
    const message: ToDealer = { type: 'renew', id, request };
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#link.post(message);
    });
  }

  onNudge(nudged: (scope: string) => void): () => void {
    this.#nudges.add(nudged);
    return () => void this.#nudges.delete(nudged);
  }

  take(message: Exclude<FromDealer, { readonly type: 'breaker' }>): void {
    if (message.type === 'nudge') {
      for (const nudged of this.#nudges) nudged(message.scope);
      return;
    }
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.type === 'share') asked?.resolve(message.share);
    else asked?.reject(new RemoteError(message.error));
  }
}

/** Room for what is declared, and for twice its windows, since a share changes while it is used. */
function settingsOf({ budgets, breakers, waitersMax }: RemoteResilienceHandle) {
  const all = Object.values(budgets);
  const permits = all.flatMap(({ limits = [] }) => limits.map((limit) => limit.permits));
  return {
    breakers,
    waitersMax,
    scopesMax: Math.max(SCOPES_MIN, all.length),
    threadsMax: THREADS_MAX,
    rollingPermitsMax: Math.min(ROLLING_MAX, ROLLING_MIN + 4 * permits.reduce((sum, one) => sum + one, 0)),
  };
}

const SCOPES_MIN = 16;
/** A process runs one pipeline, in one thread. */
const THREADS_MAX = 4;
const ROLLING_MIN = 1_024;
const ROLLING_MAX = 16_777_216;
