import type { BreakerEvent } from '../breaker/breaker-event.js';
import type { CircuitBreaker } from '../breaker/circuit-breaker.js';
import type { ToldState } from '../breaker/told-state.js';
import type { ToDealer } from './remote-messages.js';

type Found = Extract<ToDealer, { readonly type: 'breaker' }>;

/** Told of each state that the breaker of a provider goes to. */
type Listener = (told: ToldState) => void;

/** While it is held here, others are open; they hear of it again once their open time is over. */
const HELD_MS = 60_000;

/**
 * Keeps the breaker of this process and those of others in step. Each judges the calls of its own process; what one of
 * them finds, all go to: open at a trip, closed once the probes of one have succeeded. The order is that in which it is
 * found out here, as versions say.
 */
export class BreakerHub {
  readonly #breaker: CircuitBreaker;
  readonly #listeners = new Set<Listener>();
  readonly #end: () => void;
  #version: number;
  #wasHeld: boolean;

  constructor(breaker: CircuitBreaker) {
    this.#breaker = breaker;
    this.#version = Math.max(1, breaker.toldVersion);
    this.#wasHeld = breaker.state === 'heldOpen';
    this.#end = breaker.subscribe((event) => this.#here(event));
  }

  /** @returns A function that ends it. */
  join(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#breaker.state !== 'closed') listener(this.#now());
    return () => void this.#listeners.delete(listener);
  }

  /** Another process found a state. */
  found({ state, openLeftMs, version }: Found, from: Listener): void {
    const here = this.#breaker.state;
    if (here === 'heldOpen') {
      if (state !== 'open') from(this.#next());
      return;
    }
    // What somebody else has found since is newer than the state that this was found from.
    const isOld = version < this.#version && state !== 'open';
    if (here === 'disabled' || state === 'halfOpen' || isOld || (state === 'closed' && here === 'closed')) {
      return;
    }
    this.#version++;
    const told = {
      state,
      version: this.#version,
      ...(openLeftMs !== undefined && { openLeftMs }),
    } satisfies ToldState;
    this.#breaker.told(told);
    for (const listener of this.#listeners) {
      // It is there already, unless it was told something else meanwhile.
      if (listener !== from || version < this.#version - 1) listener(told);
    }
  }

  close(): void {
    this.#end();
    this.#listeners.clear();
  }

  /** The breaker of this process goes to a state by itself, or by hand. */
  #here(event: BreakerEvent): void {
    const isFreed = this.#wasHeld && event.type === 'halfOpened';
    const isFound =
      isFreed ||
      event.type === 'heldOpen' ||
      (event.type === 'opened' && event.reason !== 'told') ||
      (event.type === 'closed' && event.cause !== 'told');
    if (!isFound) return;
    this.#wasHeld = event.type === 'heldOpen';
    const told = this.#next();
    for (const listener of this.#listeners) listener(told);
  }

  /** The state of now, as a new one. */
  #next(): ToldState {
    this.#version++;
    return this.#now();
  }

  #now(): ToldState {
    const { state, openLeftMs } = this.#breaker.status();
    const version = this.#version;
    if (state === 'heldOpen') return { state: 'open', version, openLeftMs: HELD_MS };
    if (state === 'open') return { state, version, ...(openLeftMs !== undefined && { openLeftMs }) };
    return { state: state === 'halfOpen' ? 'halfOpen' : 'closed', version };
  }
}
