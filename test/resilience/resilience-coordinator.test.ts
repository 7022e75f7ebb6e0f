import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openResilience, type ResilienceClient } from '../../src/resilience/resilience-client.js';
import {
  ResilienceCoordinator,
  type ResilienceCoordinatorOptions,
} from '../../src/resilience/resilience-coordinator.js';
import type { ResilienceHandle } from '../../src/resilience/resilience-handle.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { code, provider } from './rate/coordinator-rig.js';
import { START } from './rate/rate-rig.js';

const SMOOTH = { permits: 10, per: '1s', burst: 1 };

/** Budgets and breakers on simulated time, with as many clients as a test opens: each stands for a thread. */
function start(options: ResilienceCoordinatorOptions = {}) {
  const clock = new SimulatedClock({ now: START });
  const resilience = new ResilienceCoordinator({ clock, threadsMax: 8, ...options });
  const open = (): ResilienceClient => openResilience(resilience.handle(), { clock });
  return { clock, resilience, open };
}

describe('breakers', () => {
  const options = {
    providers: { x: SMOOTH },
    breakers: { x: { failuresInRow: 2, openMs: 1_000, openJitter: 0 }, y: { failuresInRow: 1 } },
  };
  const failing = () => Promise.reject(new Error('down'));
  const throttled = (retryAfterMs?: number) =>
    Promise.reject(Object.assign(new Error('429'), { status: 429, retryAfterMs }));

  it('are a thousand at most, since each takes a while to make', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`b${i}`, {}]));
    expect(() => start({ breakers: many(1_001) })).toThrow('breakers: expected at most 1000 breakers');
    start({ breakers: many(1_000) }).resilience.close();
  });

  it('are the same from the coordinator and from each client', async () => {
    const { resilience, open } = start(options);
    const [one, two] = [open(), open()];
    expect(one.breaker('x')).toBe(one.breaker('x'));
    await expect(one.breaker('x').execute(failing)).rejects.toThrow('down');
    await expect(two.breaker('x').execute(failing)).rejects.toThrow('down');
    expect(resilience.breaker('x').state).toBe('open');
    for (const breaker of [resilience.breaker('x'), one.breaker('x'), two.breaker('x')]) {
      await expect(breaker.execute(() => 1)).rejects.toEqual(code('BREAKER_OPEN'));
    }
    expect(resilience.breaker('y').state).toBe('closed');
    resilience.close();
  });

  it('that are unknown are an error, with the nearest name', () => {
    const { resilience, open } = start({ breakers: { ibkr: {} } });
    const client = open();
    for (const of of [resilience, client]) {
      expect(() => of.breaker('ibrk')).toThrow(code('BREAKER_UNKNOWN'));
      expect(() => of.breaker('ibrk')).toThrow('did you mean "ibkr"?');
    }
    resilience.close();
  });

  it('cool the budget of their provider down for a throttled call, from any thread', async () => {
    const { resilience, open, clock } = start(options);
    await expect(
      open()
        .breaker('x')
        .execute(() => throttled(3_000)),
    ).rejects.toThrow('429');
    expect(resilience.rates.status(provider).cooldownMs).toBe(3_000);
    expect(resilience.breaker('x').state).toBe('closed');
    await clock.advance(3_000);
    await expect(resilience.breaker('x').execute(() => throttled())).rejects.toThrow('429');
    expect(resilience.rates.status(provider).cooldownMs).toBe(1_000);
    await expect(resilience.breaker('x').execute(() => throttled(Number.POSITIVE_INFINITY))).rejects.toThrow(
      '429',
    );
    expect(resilience.rates.status(provider).cooldownMs).toBe(86_400_000); // a day, whatever a header says
    resilience.close();
  });

  it('leave it at that where their provider has no budget', async () => {
    const { resilience } = start(options);
    await expect(resilience.breaker('y').execute(() => throttled(3_000))).rejects.toThrow('429');
    expect(resilience.rates.status(provider).cooldownMs).toBe(0);
    resilience.close();
  });

  it('take the probes of a thread back that has ended', async () => {
    const { resilience, open, clock } = start(options);
    const client = open();
    for (let i = 0; i < 2; i++) client.breaker('x').permit().fail();
    await clock.advance(1_000);
    client.breaker('x').permit(); // and the thread ends
    expect(resilience.breaker('x').state).toBe('halfOpen');
    expect(() => resilience.breaker('x').permit()).toThrow(code('BREAKER_OPEN'));
    resilience.reclaim(threadId);
    resilience.breaker('x').permit().succeed();
    expect(resilience.breaker('x').state).toBe('closed');
    resilience.close();
    expect(clock.timersPending).toBe(0);
  });

  it('show an inspector each step of their machines', () => {
    const steps: string[] = [];
    const { resilience } = start({
      ...options,
      inspect: (event) => {
        if (event.type === '@xstate.snapshot')
          steps.push(String((event.snapshot as { value?: unknown }).value));
      },
    });
    for (let i = 0; i < 2; i++) resilience.breaker('x').permit().fail();
    expect(steps.at(-1)).toBe('open');
    resilience.close();
  });
});

describe('options', () => {
  it('have each wrong breaker named', () => {
    const options = { breakers: { x: { failuresInRow: 0 }, y: { name: 'y', openMs: -1 } as object } };
    expect(() => new ResilienceCoordinator(options)).toThrow(
      /- breakers\.x\.failuresInRow: .*\n {2}- breakers\.y/,
    );
    expect(() => new ResilienceCoordinator(options)).toThrow(code('OPTIONS_INVALID'));
  });
});

describe('a handle', () => {
  it.each([
    ['of budgets alone', (handle: ResilienceHandle) => handle.rates],
    ['without its budgets', ({ rates: _rates, ...rest }: ResilienceHandle) => rest],
    ['that is none', () => undefined],
  ])('%s is refused', (_what, change) => {
    const { resilience } = start();
    expect(() => openResilience(change(resilience.handle()) as ResilienceHandle)).toThrow(
      code('HANDLE_INVALID'),
    );
    resilience.close();
  });

  it('of breakers of another version is refused as its breaker is asked for', () => {
    const { resilience, clock } = start({ breakers: { x: {} } });
    const handle = resilience.handle();
    const x = { ...handle.breakers.x!, protocol: 0 } as unknown as (typeof handle.breakers)[string];
    const client = openResilience({ ...handle, breakers: { x } }, { clock });
    expect(() => client.breaker('x')).toThrow(code('HANDLE_INVALID'));
    expect(() => client.breaker('x')).toThrow('found protocol 0');
    resilience.close();
  });
});
