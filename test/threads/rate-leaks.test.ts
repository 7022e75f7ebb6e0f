import { execFile } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tried } from '../support/deep.js';

/** Each that left as little as an empty object behind would show. */
const CALLS = tried(100_000, 300_000, 1_000_000);

const entry = pathToFileURL(
  fileURLToPath(new URL('../../dist/src/resilience/rate/rate.js', import.meta.url)),
).href;

/** In a process of its own: its heap holds nothing else. The script prints JSON. */
async function runScript<T>(body: string): Promise<T> {
  const script = `
    import { getEventListeners, setMaxListeners } from 'node:events';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { RateCoordinator } from ${JSON.stringify(entry)};
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    async function heapMb() {
      for (let i = 0; i < 3; i++) { await sleep(10); gc(); }
      return process.memoryUsage().heapUsed / 1_048_576;
    }
    ${body}`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', script],
    { timeout: 600_000 },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as T;
}

interface Waited {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly listeners: number;
  readonly timers: number;
  readonly growthMb: number;
  readonly status: Readonly<Record<string, number>>;
}

describe('budgets over a long time', () => {
  it(`keep no listener, timer or memory of ${CALLS} calls with signals and deadlines`, async () => {
    const { outcomes, listeners, timers, growthMb, status } = await runScript<Waited>(`
      // 500,000 a second are fewer than are asked for: most calls wait, for some ms at the most.
      const rates = new RateCoordinator({ providers: { p: { permits: 1_000_000, per: '2s', burst: 200, inFlight: 16 } } });
      const limiter = rates.limiter({ provider: 'p' });
      // Each of many calls at one time, as of a server that goes down; few enough to add to in no time.
      const shared = Array.from({ length: 50 }, () => new AbortController());
      setMaxListeners(0, ...shared.map(({ signal }) => signal));
      const outcomes = {};
      const tell = (outcome) => { outcomes[outcome] = (outcomes[outcome] ?? 0) + 1; };
      async function call(i) {
        const own = i % 10 === 0 ? new AbortController() : shared[i % 50];
        const timeoutMs = i % 10 === 1 ? 0.02 : 60_000;
        const call = limiter.acquire({ signal: own.signal, timeoutMs });
        if (i % 10 === 0) own.abort(new Error('given up'));
        try {
          (await call).release();
          tell('granted');
        } catch (error) {
          tell(error.code ?? error.message);
        }
        if (i % 10 === 0 && getEventListeners(own.signal, 'abort').length > 0) tell('listener left');
      }
      async function round(calls) {
        for (let from = 0; from < calls; from += 5_000) {
          await Promise.all(Array.from({ length: 5_000 }, (_, i) => call(from + i)));
        }
      }
      await round(100_000);
      const before = await heapMb();
      await round(${CALLS});
      const growthMb = (await heapMb()) - before;
      console.log(JSON.stringify({
        outcomes,
        growthMb,
        listeners: shared.flatMap(({ signal }) => getEventListeners(signal, 'abort')).length,
        timers: timers(),
        status: rates.status({ provider: 'p' }),
      }));
    `);
    expect(outcomes).toEqual({
      granted: expect.any(Number),
      'given up': expect.any(Number),
      ACQUIRE_TIMED_OUT: expect.any(Number),
    });
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(CALLS / 20);
    expect([listeners, timers, status.inFlight]).toEqual([0, 0, 0]);
    expect(status.waited).toBeGreaterThan(CALLS / 2);
    expect(growthMb).toBeLessThan(1);
  });

  it('keep nothing of tenants that come and go', async () => {
    const { growthMb, scopes } = await runScript<{ readonly growthMb: number; readonly scopes: number }>(`
      const rates = new RateCoordinator({ scopesMax: 4, rollingPermitsMax: 4_096, providers: { p: { permits: 1_000_000, per: '1s' } } });
      async function round(tenants) {
        for (let i = 0; i < tenants; i++) {
          const tenant = 'tenant-' + i;
          rates.set({ tenant }, { permits: 1_000, per: '1s', weight: 1 + (i % 9) });
          const limiter = rates.limiter({ tenant, provider: 'p' });
          const permit = await limiter.acquire();
          permit.release();
          if (limiter.tryAcquire() !== 0) throw new Error('expected a permit');
          rates.remove({ tenant });
        }
      }
      await round(2_000);
      const before = await heapMb();
      await round(20_000);
      console.log(JSON.stringify({ growthMb: (await heapMb()) - before, scopes: Object.keys(rates.statuses()).length }));
    `);
    expect(scopes).toBe(1);
    expect(growthMb).toBeLessThan(1);
  });

  it('let a process end by itself, with permits in flight and handles open', async () => {
    expect(
      await runScript(`
        const rates = new RateCoordinator({ providers: { p: { permits: 10, per: '1s', inFlight: 4 } } });
        await rates.limiter({ provider: 'p' }).acquire({ timeoutMs: 60_000, signal: new AbortController().signal });
        console.log(timers());
      `),
    ).toBe(0);
  });
});
