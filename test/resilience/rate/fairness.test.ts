import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Limiter } from '../../../src/resilience/rate/limiter.js';
import type { SimulatedClock } from '../../support/simulated-clock.js';
import { BlockedClock, drain, provider, recorder, startRates } from './coordinator-rig.js';

const RATE = { permits: 1_000, per: '1s', burst: 20 };

/** Keeps calls waiting at a limiter, until it is stopped; counts those that were served. */
function hungry(limiter: Limiter, { waiting = 20, cost = 1 } = {}) {
  const demand = { served: 0, isOn: true };
  const call = (): void => {
    limiter.acquire({ cost }).then(
      () => {
        demand.served += cost;
        if (demand.isOn) call();
      },
      () => {},
    );
  };
  for (let i = 0; i < waiting; i++) call();
  return demand;
}

function tenants(weights: Readonly<Record<string, number>>) {
  const { clock, rates, open } = startRates({
    providers: { x: RATE },
    tenants: Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, { weight }])),
  });
  return { clock, rates, open, of: (tenant: string) => ({ tenant, provider: 'x' }) };
}

async function pass(clock: SimulatedClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) await clock.advance(50);
}

const share = (part: { served: number }, ...all: { served: number }[]): number =>
  part.served / all.reduce((sum, { served }) => sum + served, 0);

describe('tenants at one provider', () => {
  it('share it 3:1 by their weights, on one client and on several', async () => {
    const { clock, rates, open, of } = tenants({ desk: 3, research: 1 });
    const other = open();
    const desk = hungry(rates.limiter(of('desk')));
    const research = hungry(rates.limiter(of('research')));
    await pass(clock, 2_000);
    expect(share(desk, desk, research)).toBeCloseTo(0.75, 1);
    expect(Math.abs(share(desk, desk, research) / 0.75 - 1)).toBeLessThan(0.03);

    const before = desk.served + research.served;
    const apart = tenants({ desk: 3, research: 1 });
    const second = apart.open();
    const deskApart = hungry(apart.rates.limiter(apart.of('desk')));
    const researchApart = [
      hungry(second.limiter(apart.of('research')), { waiting: 40 }),
      hungry(apart.open().limiter(apart.of('research')), { waiting: 40 }),
    ];
    await pass(apart.clock, 2_000);
    expect(Math.abs(share(deskApart, deskApart, ...researchApart) / 0.75 - 1)).toBeLessThan(0.03);
    expect(before).toBeGreaterThanOrEqual(0.99 * 2_000);
    other.close();
  });

  it('share it 1:1:2, however much each of them wants and on however many clients', async () => {
    const { clock, rates, open, of } = tenants({ a: 1, b: 1, c: 2 });
    const a = hungry(rates.limiter(of('a')), { waiting: 200 });
    const bs = [open(), open()].map((client) => hungry(client.limiter(of('b')), { waiting: 10 }));
    const c = hungry(open().limiter(of('c')), { waiting: 30, cost: 4 });
    await pass(clock, 4_000);
    const all = [a, ...bs, c];
    expect(Math.abs(share(a, ...all) / 0.25 - 1)).toBeLessThan(0.03);
    expect(Math.abs(share(c, ...all) / 0.5 - 1)).toBeLessThan(0.03);
    expect(all.reduce((sum, { served }) => sum + served, 0)).toBeGreaterThanOrEqual(0.99 * 4_000);
  });

  it('leave to the others what they do not want', async () => {
    const { clock, rates, open, of } = tenants({ desk: 3, research: 1 });
    const desk = hungry(rates.limiter(of('desk')));
    const research = hungry(open().limiter(of('research')));
    await pass(clock, 1_000);
    desk.isOn = false;
    await pass(clock, 200);
    const before = research.served;
    await pass(clock, 1_000);
    expect(research.served - before).toBeGreaterThanOrEqual(990);
  });

  it('have no credit from the time in which they wanted nothing', async () => {
    const { clock, rates, open, of } = tenants({ desk: 1, research: 1 });
    const research = hungry(rates.limiter(of('research')));
    await pass(clock, 3_000);
    const before = research.served;
    const desk = hungry(open().limiter(of('desk')));
    await pass(clock, 1_000);
    expect(Math.abs((research.served - before) / 500 - 1)).toBeLessThan(0.05);
    expect(Math.abs(desk.served / 500 - 1)).toBeLessThan(0.05);
  });

  it('are not put behind another whose queue is long, once one of it went first by priority', async () => {
    const { clock, rates, of } = tenants({ desk: 1, research: 1 });
    const queue = rates.limiter(of('research'));
    drain(queue);
    let served = 0;
    const count = () => {
      served++;
    };
    for (let i = 0; i < 2_000; i++) queue.acquire().then(count);
    queue.acquire({ priority: 5 }).then(count);
    await pass(clock, 100);
    const before = served;
    const desk = hungry(rates.limiter(of('desk')));
    await pass(clock, 1_000);
    expect(Math.abs(desk.served / 500 - 1)).toBeLessThan(0.05);
    expect(served - before).toBeGreaterThan(450);
  });

  it('do not pay for their calls that gave up, nor for those of a client that closed', async () => {
    const { clock, rates, open, of } = tenants({ desk: 1, research: 1 });
    const closing = open();
    const queue = closing.limiter(of('desk'));
    drain(queue);
    const abort = new AbortController();
    for (let i = 0; i < 1_000; i++) {
      queue.acquire().catch(() => {});
      queue.acquire({ signal: abort.signal }).catch(() => {});
    }
    abort.abort();
    closing.close();
    const research = hungry(rates.limiter(of('research')));
    const desk = hungry(open().limiter(of('desk')));
    await pass(clock, 1_000);
    expect(Math.abs(share(desk, desk, research) / 0.5 - 1)).toBeLessThan(0.03);
  });

  it('share it with calls of no tenant, which have one place of weight 1', async () => {
    const { clock, rates, open, of } = tenants({ desk: 3 });
    const desk = hungry(rates.limiter(of('desk')));
    const none = [rates, open()].map((client) => hungry(client.limiter(provider)));
    await pass(clock, 2_000);
    expect(Math.abs(share(desk, desk, ...none) / 0.75 - 1)).toBeLessThan(0.03);
  });

  it('are held by their own budgets first', async () => {
    const { clock, rates, open } = startRates({
      providers: { x: RATE },
      tenants: { small: { permits: 100, per: '1s', burst: 10, weight: 1_000 }, large: {} },
    });
    const small = hungry(rates.limiter({ tenant: 'small', provider: 'x' }));
    const large = hungry(open().limiter({ tenant: 'large', provider: 'x' }));
    await pass(clock, 2_000);
    expect(small.served).toBeLessThanOrEqual(210);
    expect(small.served).toBeGreaterThanOrEqual(195);
    expect(large.served).toBeGreaterThanOrEqual(1_780);
  });
});

describe('a thread that is blocked', () => {
  it('is passed over, and holds the others up by no more than the grace', async () => {
    const { clock, rates, open } = startRates({ providers: { x: { permits: 100, per: '1s', burst: 1 } } });
    const blocked = open(new BlockedClock(clock)).limiter(provider);
    const limiter = rates.limiter(provider);
    drain(limiter);
    const { watch, outcomes } = recorder<number>(clock);
    blocked.acquire().catch(() => {});
    for (let i = 0; i < 20; i++) watch(i, limiter.acquire());
    await clock.advance(300);
    // Without it: 10, 20, … ms. Its permit came at 10, and lay there for 10 ms more.
    expect(outcomes.get(0)).toBeLessThanOrEqual(22);
    expect(outcomes.size).toBe(20);
    expect(outcomes.get(19)).toBeLessThanOrEqual(215);
  });

  it('gets its turn when it moves again', async () => {
    const { clock, rates, open } = startRates({ providers: { x: { permits: 100, per: '1s', burst: 1 } } });
    const blockedClient = open(new BlockedClock(clock));
    const blocked = blockedClient.limiter(provider);
    const limiter = rates.limiter(provider);
    drain(limiter);
    const { watch, order } = recorder<string>(clock);
    watch('blocked', blocked.acquire());
    const demand = hungry(limiter, { waiting: 5 });
    await clock.advance(500);
    expect(order).toEqual([]);
    expect(demand.served).toBeGreaterThan(40);
    // Any call of its thread has it look again: it stands in the line from then on, for as long as
    // its next permit does not lie there again.
    const abort = new AbortController();
    blocked.acquire({ signal: abort.signal }).catch(() => {});
    await clock.advance(8);
    abort.abort();
    await clock.advance(0);
    expect(order).toEqual(['blocked']);
  });

  it('stands in no line after it was reclaimed', async () => {
    const { clock, rates, open } = startRates({ providers: { x: { permits: 1, per: '1s' } } });
    const limiter = rates.limiter(provider);
    drain(limiter);
    await clock.advance(999);
    open(new BlockedClock(clock))
      .limiter(provider)
      .acquire()
      .catch(() => {});
    await clock.advance(1);
    expect(limiter.tryAcquire()).toBeGreaterThan(0);
    rates.reclaim(threadId);
    expect(limiter.tryAcquire()).toBe(0);
  });
});
