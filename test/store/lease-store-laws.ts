import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { HeldLease } from '../../src/store/held-lease.js';
import type { Lease, LeaseRequest, LeaseStore } from '../../src/store/lease-store.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { Owner } from '../../src/wire/checkpoint.js';

const owner = (process: string, thread = 0): Owner => ({ host: 'here', process, thread });
const asks = (process: string, fields: Partial<LeaseRequest> = {}): LeaseRequest => ({
  job: 'job',
  run: `run-${process}`,
  owner: owner(process),
  ttlMs: 1_000,
  ...fields,
});

/** What becomes of a message: lost on its way there, its answer lost, delivered twice, or late by so many ms. */
interface Fate {
  readonly lost?: 'call' | 'answer' | undefined;
  readonly isTwice: boolean;
  readonly thereMs: number;
  readonly backMs: number;
}

/** A store behind a network. What is under way when a call is given up is delivered nevertheless. */
class Remote implements LeaseStore {
  readonly #store: LeaseStore;
  readonly #clock: VirtualClock;
  readonly #fates: () => Fate;

  constructor(store: LeaseStore, clock: VirtualClock, fates: () => Fate) {
    this.#store = store;
    this.#clock = clock;
    this.#fates = fates;
  }

  claim(request: LeaseRequest): Promise<Lease> {
    return this.#sent(() => this.#store.claim(request));
  }

  renew(lease: Lease): Promise<void> {
    return this.#sent(() => this.#store.renew(lease));
  }

  release(lease: Lease): Promise<void> {
    return this.#sent(() => this.#store.release(lease));
  }

  async #sent<T>(call: () => Promise<T>): Promise<T> {
    const { lost, isTwice, thereMs, backMs } = this.#fates();
    if (lost === 'call') throw unavailable();
    await this.#passes(thereMs);
    if (isTwice) void this.#passes(thereMs + backMs).then(() => call().catch(() => undefined));
    const answer = await call();
    await this.#passes(backMs);
    if (lost === 'answer') throw unavailable();
    return answer;
  }

  #passes(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(resolve, ms));
  }
}

const unavailable = () => new PipelineError('UNAVAILABLE', 'no answer', { retryable: true });

const FATE: fc.Arbitrary<Fate> = fc.record({
  lost: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('call' as const, 'answer' as const) },
  ),
  isTwice: fc.boolean(),
  thereMs: fc.nat(1_500),
  backMs: fc.nat(1_500),
});

/** What holds of any store of leases. @param newStore - One that measures time with this clock. */
export function leaseStoreLaws(name: string, newStore: (clock: VirtualClock) => LeaseStore): void {
  describe(`a store of leases ${name}`, () => {
    it('gives a lease to one at a time, and says who has it and for how long', async () => {
      const clock = new VirtualClock();
      const store = newStore(clock);
      expect(await store.claim(asks('a'))).toEqual({ ...asks('a'), epoch: 1 });
      await clock.advance(400);
      for (const process of ['b', 'a']) {
        await expect(store.claim(asks(process))).rejects.toMatchObject({
          code: 'LEASE_HELD',
          retryable: true,
          message: expect.stringMatching(/epoch 1 of host here, process a, thread 0, for another 600 ms/),
        });
      }
      expect((await store.claim(asks('b', { job: 'other' }))).epoch).toBe(1);
    });

    it('gives each lease of a job a higher epoch, after its time and after a release', async () => {
      const clock = new VirtualClock();
      const store = newStore(clock);
      await store.claim(asks('a'));
      await clock.advance(999);
      await expect(store.claim(asks('b'))).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await clock.advance(1);
      const second = await store.claim(asks('b'));
      expect(second.epoch).toBe(2);
      await store.release(second);
      expect((await store.claim(asks('a'))).epoch).toBe(3);
    });

    it('lets one of several claims at once have it', async () => {
      const store = newStore(new VirtualClock());
      const results = await Promise.allSettled(['a', 'b', 'c', 'a'].map((one) => store.claim(asks(one))));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('begins the time anew with a renewal, also after its end as long as nobody has claimed it', async () => {
      const clock = new VirtualClock();
      const store = newStore(clock);
      const lease = await store.claim(asks('a'));
      await clock.advance(900);
      await store.renew(lease);
      await clock.advance(900);
      await expect(store.claim(asks('b'))).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await clock.advance(5_000);
      await store.renew(lease);
      await expect(store.claim(asks('b'))).rejects.toMatchObject({ code: 'LEASE_HELD' });
    });

    it('fences whoever has lost it, by epoch and by owner', async () => {
      const clock = new VirtualClock();
      const store = newStore(clock);
      const first = await store.claim(asks('a'));
      await clock.advance(1_000);
      const second = await store.claim(asks('b'));
      const impostors = [first, { ...second, owner: owner('a') }, { ...second, owner: owner('b', 1) }];
      for (const lease of [...impostors, { ...second, epoch: 3 }, { ...second, job: 'other' }]) {
        await expect(store.renew(lease)).rejects.toMatchObject({ code: 'FENCED', retryable: false });
        await store.release(lease);
      }
      await expect(store.claim(asks('c'))).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await store.renew(second);
      await store.release(second);
      await expect(store.renew(second)).rejects.toMatchObject({ code: 'FENCED' });
    });

    it('gives a lease without an end until it is released', async () => {
      const clock = new VirtualClock();
      const store = newStore(clock);
      const held = await HeldLease.claim(store, asks('a', { ttlMs: 0 }), clock);
      await clock.advance(1_000_000_000);
      expect(held).toMatchObject({ mayRunUntilNs: 0n, isHeld: true });
      await expect(store.claim(asks('b'))).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await held.release();
      expect(held.isHeld).toBe(false);
      expect((await store.claim(asks('b'))).epoch).toBe(2);
    });

    it.each([
      ['job', { job: '' }],
      ['run', { run: 7 as never }],
      ['owner', { owner: { host: 'x' } as never }],
      ['ttlMs', { ttlMs: -1 }],
      ['ttlMs', { ttlMs: 0.5 }],
    ])('refuses a request whose "%s" is none', async (field, fields) => {
      const store = newStore(new VirtualClock());
      await expect(store.claim(asks('a', fields))).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringContaining(field),
      });
    });

    it('has two holders in no instant, whichever messages are lost, late or delivered twice', async () => {
      const step = fc.record({
        who: fc.nat(2),
        does: fc.constantFrom('claim', 'renew', 'renew', 'release'),
        thenMs: fc.nat(600),
      });
      const property = fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(FATE, { minLength: 1, maxLength: 20 }),
        async (steps, fates) => {
          const clock = new VirtualClock();
          let sent = 0;
          const remote = new Remote(newStore(clock), clock, () => fates[sent++ % fates.length]!);
          const held: HeldLease[] = [];
          const epochs = new Set<number>();
          const check = () => expect(held.filter(({ isHeld }) => isHeld).length).toBeLessThanOrEqual(1);
          for (const { who, does, thenMs } of steps) {
            const own = held.filter(({ lease }) => lease.owner.process === `p${who}`).at(-1);
            if (does === 'claim') {
              void HeldLease.claim(remote, asks(`p${who}`), clock).then(
                (lease) => {
                  expect(epochs.has(lease.lease.epoch)).toBe(false);
                  epochs.add(lease.lease.epoch);
                  held.push(lease);
                },
                () => undefined,
              );
            } else if (does === 'renew') own?.renew().catch(() => undefined);
            else own?.release().catch(() => undefined);
            for (let ms = 0; ms < thenMs; ms += 100) {
              await clock.advance(100);
              check();
            }
          }
          for (let ms = 0; ms < 6_000; ms += 100) {
            await clock.advance(100);
            check();
          }
        },
      );
      await fc.assert(property, { numRuns: 150 });
    });
  });
}
