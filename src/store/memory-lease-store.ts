import { assertClock } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import type { Lease, LeaseRequest, LeaseStore } from './lease-store.js';
import { LeaseTable } from './lease-table.js';

/** Keeps leases in the memory of this thread, for tests and embedders without a disk. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #table: LeaseTable;

  /**
   * @param clock - Measures the time of leases.
   * @throws {InvalidOptionsError} if it is none.
   */
  constructor(clock: Clock = systemClock) {
    assertClock('MemoryLeaseStore', clock);
    this.#table = new LeaseTable(clock, { put: async () => {}, open: async () => {} });
  }

  claim(request: LeaseRequest): Promise<Lease> {
    return this.#table.claim(request);
  }

  renew(lease: Lease): Promise<void> {
    return this.#table.renew(lease);
  }

  release(lease: Lease): Promise<void> {
    return this.#table.release(lease);
  }
}
