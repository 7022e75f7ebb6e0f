import { beforeAll, describe, expect, it } from 'vitest';
import { heldOf } from '../support/collected.js';
import { tried } from '../support/deep.js';
import { prepareKinds } from './job-kinds.js';
import { Simulation, SimulationError, type SimulationOptions } from './simulation.js';

beforeAll(prepareKinds, 120_000);

/** Seeds of all runs, or the one that is to be replayed. */
const { TICKLOOM_SIMULATION_SEED: replayed, TICKLOOM_SIMULATION_SEEDS: count } = process.env;
const COUNT = Number(count ?? tried(40, 150, 300));
const SEEDS = replayed === undefined ? Array.from({ length: COUNT }, (_, i) => i + 1) : [Number(replayed)];
/** Within which a planted mistake has to be found. */
const SEEDS_TO_FIND = 60;

async function firstFound(planted: SimulationOptions['planted']): Promise<SimulationError> {
  for (let seed = 1; seed <= SEEDS_TO_FIND; seed++) {
    try {
      await new Simulation(seed, { planted }).run();
    } catch (error) {
      if (error instanceof SimulationError) return error;
      throw error;
    }
  }
  throw new Error(`expected a seed up to ${SEEDS_TO_FIND} to find it, found none`);
}

describe('a machine on which everything goes wrong', () => {
  it(
    'delivers each row once, keeps to all limits, and brings every job to its end',
    async () => {
      const happened = new Set<string>();
      for (const seed of SEEDS) {
        for (const step of await new Simulation(seed).run()) happened.add(step);
      }
      if (replayed !== undefined) return;
      expect([...happened]).toEqual(
        expect.arrayContaining([
          'the power is cut',
          'the process is killed',
          'the process is stopped, and another one takes over',
          'a thread is in a system call',
          'the disk is full, or has room again',
          '  job0 is backingOff',
          '  job0 is paused',
          '  job0 is completed',
        ]),
      );
    },
    COUNT * 20_000,
  );

  it('leaves no memory behind, of processes that were killed or taken over either', async () => {
    const all: WeakRef<Simulation>[] = [];
    const happened = new Set<string>();
    const simulate = (seed: number) => {
      const simulation = new Simulation(seed);
      all.push(new WeakRef(simulation));
      return simulation.run();
    };
    for (let seed = 1; seed <= 6; seed++) {
      for (const step of await simulate(seed)) happened.add(step);
    }
    expect([...happened]).toEqual(
      expect.arrayContaining([
        'the process is killed',
        'the process is stopped, and another one takes over',
        'a stopped process goes on',
      ]),
    );
    expect(await heldOf(all)).toBe(0);
  }, 120_000);

  it('goes the same way with the same seed', async () => {
    const first = await new Simulation(11).run();
    expect(await new Simulation(11).run()).toEqual(first);
  }, 120_000);

  it('finds a pool that says a thread is gone while it is at work, and names the seed', async () => {
    const { message } = await firstFound('a thread is gone too soon');
    expect(message).toMatch(/^seed \d+, step \d+: expected (one|no) thread for job\d/);
  }, 600_000);

  it('finds a store that forgets jobs which it has taken, and names the seed', async () => {
    const { message } = await firstFound('a store forgets jobs');
    expect(message).toMatch(/^seed \d+, step \d+: /);
  }, 600_000);

  it('finds a disk that loses what was synced, and names the seed', async () => {
    const { message } = await firstFound('a disk loses syncs');
    expect(message).toMatch(/^seed \d+, step \d+: /);
  }, 600_000);
});
