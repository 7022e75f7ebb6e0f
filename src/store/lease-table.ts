import { assertMapping } from '../core/assert-argument.js';
import type { Clock } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { isCount } from '../core/plain-data.js';
import { describeValue } from '../core/shown-text.js';
import type { Nanos } from '../core/units.js';
import { isSameOwner, ownerProblem, ownerText } from '../wire/checkpoint.js';
import type { Lease, LeaseRequest, LeaseStore } from './lease-store.js';
import { checkKey, invalidCall } from './store-failures.js';

const NS_PER_MS = 1_000_000n;

/** A lease as it is kept: it stays when it is over, for its epoch. */
export interface StoredLease extends Lease {
  readonly isReleased?: boolean | undefined;
}

/** Where leases are kept. */
export interface LeaseKeeper {
  /** Resolves when it is durable. */
  put(lease: StoredLease): Promise<void>;
  /** Resolves when those that are kept were handed to `restore`. */
  open(): Promise<void>;
}

interface Held {
  readonly lease: StoredLease;
  /** When its time is over; `undefined`: never. */
  readonly untilNs: bigint | undefined;
}

/**
 * The leases of one store. Who gets one is decided at once, so two claims never both succeed; then it is kept. A
 * renewal is not written down: a store that is opened anew gives each lease that was not released its whole time.
 */
export class LeaseTable implements LeaseStore {
  readonly #clock: Clock;
  readonly #keeper: LeaseKeeper;
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock, keeper: LeaseKeeper) {
    this.#clock = clock;
    this.#keeper = keeper;
  }

  /** Of a holder from before, the thread may still be alive where its process has died: a child process. */
  restore(leases: readonly StoredLease[]): void {
    for (const lease of leases) {
      const isOver = lease.isReleased === true || lease.ttlMs === 0;
      this.#held.set(lease.job, { lease: { ...lease, isReleased: isOver }, untilNs: this.#endOf(lease) });
    }
  }

  /** The job is gone. */
  forget(job: string): void {
    this.#held.delete(job);
  }

  async claim(request: LeaseRequest): Promise<Lease> {
    const { job, run, owner, ttlMs } = checked(request);
    await this.#keeper.open();
    const before = this.#held.get(job);
    if (before && this.#isHeld(before)) throw this.#heldError(before);
    const { host, process, thread } = owner;
    const lease: Lease = {
      job,
      run,
      epoch: (before?.lease.epoch ?? 0) + 1,
      owner: { host, process, thread },
      ttlMs,
    };
    const held = { lease, untilNs: this.#endOf(lease) };
    this.#held.set(job, held);
    try {
      await this.#keeper.put(lease);
    } catch (error) {
      // It may be on the disk, so its epoch is not given again; but nobody holds it.
      if (this.#held.get(job) === held) this.#end(held);
      throw error;
    }
    return lease;
  }

  async renew(lease: Lease): Promise<void> {
    checkLease(lease);
    await this.#keeper.open();
    const held = this.#held.get(lease.job);
    if (!held || !isOf(held, lease) || held.lease.isReleased) throw fencedError(lease, held);
    this.#held.set(lease.job, { ...held, untilNs: this.#endOf(held.lease) });
  }

  async release(lease: Lease): Promise<void> {
    checkLease(lease);
    await this.#keeper.open();
    const held = this.#held.get(lease.job);
    if (!held || !isOf(held, lease) || held.lease.isReleased) return;
    await this.#keeper.put(this.#end(held));
  }

  #end({ lease }: Held): StoredLease {
    const ended = { ...lease, isReleased: true };
    this.#held.set(lease.job, { lease: ended, untilNs: 0n });
    return ended;
  }

  #endOf({ ttlMs }: LeaseRequest): bigint | undefined {
    return ttlMs === 0 ? undefined : this.#clock.now() + BigInt(ttlMs) * NS_PER_MS;
  }

  #isHeld({ lease, untilNs }: Held): boolean {
    return !lease.isReleased && (untilNs === undefined || untilNs > this.#clock.now());
  }

  #heldError({ lease, untilNs }: Held): PipelineError {
    const left =
      untilNs === undefined
        ? 'until it is released'
        : `for another ${Number((untilNs - this.#clock.now()) as Nanos) / Number(NS_PER_MS)} ms`;
    return new PipelineError(
      'LEASE_HELD',
      `"${lease.job}": expected a lease that nobody holds, found epoch ${lease.epoch} of ${ownerText(lease.owner)}, ${left}`,
      { retryable: true },
    );
  }
}

const isOf = ({ lease }: Held, { epoch, owner }: Lease): boolean =>
  lease.epoch === epoch && isSameOwner(lease.owner, owner);

function fencedError({ job, epoch, owner }: Lease, held: Held | undefined): PipelineError {
  const found = held
    ? `epoch ${held.lease.epoch} of ${ownerText(held.lease.owner)}${held.lease.isReleased ? ', which was released' : ''}`
    : 'none';
  return new PipelineError(
    'FENCED',
    `"${job}": expected the lease of epoch ${epoch} of ${ownerText(owner)}, found ${found}`,
  );
}

function checked(request: LeaseRequest): LeaseRequest {
  assertMapping('job store', request);
  const { job, run, owner, ttlMs } = request;
  checkKey('job', job);
  if (typeof run !== 'string') throw invalidCall(`run: expected a text, found ${describeValue(run)}`);
  if (!isCount(ttlMs)) {
    throw invalidCall(`ttlMs: expected a whole number of milliseconds, found ${describeValue(ttlMs)}`);
  }
  const problem = ownerProblem(owner, 'owner');
  if (problem !== undefined) throw invalidCall(problem);
  return request;
}

/** Checks what says which lease is meant. */
function checkLease(lease: Lease): void {
  assertMapping('job store', lease);
  checkKey('job', lease.job);
  if (!isCount(lease.epoch))
    throw invalidCall(`epoch: expected a whole number, found ${describeValue(lease.epoch)}`);
  const problem = ownerProblem(lease.owner, 'owner');
  if (problem !== undefined) throw invalidCall(problem);
}
