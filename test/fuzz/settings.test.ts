import { describe, it } from 'vitest';
import { createBreaker } from '../../src/resilience/breaker/create-breaker.js';
import { openBreaker } from '../../src/resilience/breaker/open-breaker.js';
import { openRates } from '../../src/resilience/rate/rate-client.js';
import { RateCoordinator } from '../../src/resilience/rate/rate-coordinator.js';
import type { BudgetsInput } from '../../src/resilience/rate/rate-settings.js';
import { openResilience } from '../../src/resilience/resilience-client.js';
import { ResilienceCoordinator } from '../../src/resilience/resilience-coordinator.js';
import { createRuntime } from '../../src/runtime/runtime.js';
import { bounded, FUZZ_MS_MAX, fuzz } from './bounded.js';
import { mutated } from './mutations.js';

const BUDGETS: BudgetsInput = {
  providers: {
    ibkr: { permits: 50, per: '1s', endpoints: { history: { permits: 6, per: '2s', algorithm: 'rolling' } } },
  },
  tenants: { desk: { permitsPerSecond: 5, weight: 2 }, other: { limits: [{ permits: 1, per: '1s' }] } },
};
const BREAKERS = { ibkr: { failuresInRow: 5, countWindow: { size: 10, failureRate: 0.5 }, openMs: 10 } };
const SETTINGS = { maxThreads: 2, idleThreadMs: 0, moduleFolders: [], budgets: BUDGETS, breakers: BREAKERS };

describe('any settings', () => {
  it(
    'make a runtime or are refused at once',
    async () => {
      // A clock, a logger and such are code and not data.
      const data = mutated(SETTINGS).map((settings) => {
        const { clock, logger, inspect, resilience, ...rest } = (settings ?? {}) as Record<string, unknown>;
        return rest;
      });
      await fuzz(data, 25, async (settings) => {
        const runtime = await bounded(() => createRuntime({ ...settings, warmThreads: 0 }));
        await runtime?.close({ deadlineMs: 0 });
      });
    },
    FUZZ_MS_MAX,
  );
});

describe('any handle that comes as text', () => {
  it(
    'is opened or refused at once, by an error of ours',
    async () => {
      const resilience = new ResilienceCoordinator({ ...BUDGETS, breakers: BREAKERS });
      const handle: object = JSON.parse(JSON.stringify(resilience.handle()));
      resilience.close();
      await fuzz(mutated(handle), 60, async (any) => {
        const { rates, breakers } = any as {
          readonly rates: never;
          readonly breakers?: { readonly ibkr?: never };
        };
        (await bounded(() => openResilience(any as never)))?.close();
        (await bounded(() => openRates(rates)))?.close();
        await bounded(() => openBreaker(breakers?.ibkr as never));
      });
    },
    FUZZ_MS_MAX,
  );
});

describe('any options of budgets and breakers', () => {
  it(
    'are taken or refused at once',
    async () => {
      await fuzz(mutated({ ...BUDGETS, scopesMax: 16 }), 25, async (budgets) => {
        (await bounded(() => new RateCoordinator(budgets as never)))?.close();
      });
      await fuzz(mutated({ name: 'b', ...BREAKERS.ibkr }), 25, async (options) => {
        (await bounded(() => createBreaker(options as never)))?.close();
      });
    },
    FUZZ_MS_MAX,
  );
});
