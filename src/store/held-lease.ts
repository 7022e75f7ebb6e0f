import { assertCapability, assertClock, type Capability } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import type { Nanos } from '../core/units.js';
import type { Lease, LeaseRequest, LeaseStore } from './lease-store.js';

const NS_PER_MS = 1_000_000n;
const LEASE_STORE: Capability = {
  key: 'store',
  what: 'a lease store',
  methods: ['claim', 'renew', 'release'] satisfies (keyof LeaseStore)[],
};

/** A lease in the hands of its holder: until when it may act on it. */
export class HeldLease {
  readonly lease: Lease;
  readonly #store: LeaseStore;
  readonly #clock: Clock;
  #untilNs: Nanos;
  #isOver = false;

  private constructor(store: LeaseStore, clock: Clock, lease: Lease, sentNs: Nanos) {
    this.lease = lease;
    this.#store = store;
    this.#clock = clock;
    this.#untilNs = this.#endFrom(sentNs);
  }

  /**
   * @throws {InvalidOptionsError} if the store or the clock is none.
   * @throws As `LeaseStore.claim`.
   */
  static async claim(
    store: LeaseStore,
    request: LeaseRequest,
    clock: Clock = systemClock,
  ): Promise<HeldLease> {
    assertCapability('HeldLease', LEASE_STORE, store);
    assertClock('HeldLease', clock);
    const sentNs = clock.now();
    const lease = await store.claim(request);
    return new HeldLease(store, clock, lease, sentNs);
  }

  /**
   * The instant, on the clock of this process, from which on nothing may be done under the lease any more; 0: no end.
   * An instant in the past once it is over.
   */
  get mayRunUntilNs(): Nanos {
    if (this.#isOver) return 1n as Nanos;
    return this.#untilNs;
  }

  /** Whether something may be done under it now. */
  get isHeld(): boolean {
    return !this.#isOver && (this.#untilNs === 0n || this.#clock.now() < this.#untilNs);
  }

  /**
   * Begins its time anew, from now.
   *
   * @throws {PipelineError} `FENCED` once it is over for good. After any other failure it ends when it would have.
   */
  async renew(): Promise<void> {
    const sentNs = this.#clock.now();
    try {
      if (!this.#isOver) await this.#store.renew(this.lease);
    } catch (error) {
      if (error instanceof PipelineError && error.code === 'FENCED') this.#isOver = true;
      throw error;
    }
    if (this.#isOver) throw new PipelineError('FENCED', `"${this.lease.job}": the lease was released`);
    const untilNs = this.#endFrom(sentNs);
    // Answers may come in another order than the calls.
    if (untilNs > this.#untilNs) this.#untilNs = untilNs;
  }

  /** Ends it here at once, and then at the store. */
  async release(): Promise<void> {
    this.#isOver = true;
    await this.#store.release(this.lease);
  }

  #endFrom(sentNs: Nanos): Nanos {
    const { ttlMs } = this.lease;
    return (ttlMs === 0 ? 0n : sentNs + BigInt(ttlMs) * NS_PER_MS) as Nanos;
  }
}
