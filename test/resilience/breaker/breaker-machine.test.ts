import { describe, expect, it } from 'vitest';
import { type ActorLogic, createActor, type SnapshotFrom } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import {
  type BreakerMachine,
  type BreakerMachineEvent,
  createBreakerMachine,
} from '../../../src/resilience/breaker/breaker-machine.js';
import { BREAKER_STATES } from '../../../src/shared-memory/breaker-memory.js';
import { settingsOf } from './breaker-fixtures.js';

const settings = settingsOf({ openMs: 1_000, openFactor: 2, openMsMax: 4_000, openJitter: 0 });
const machine = createBreakerMachine(settings, 1);
const atMs = 10;

const EVENTS: readonly BreakerMachineEvent[] = [
  { type: 'tripped', reason: 'failuresInRow', atMs },
  { type: 'openTime.passed', atMs },
  { type: 'probes.succeeded', atMs },
  { type: 'probes.failed', atMs },
  { type: 'hold', atMs },
  { type: 'release', atMs },
  { type: 'release.all', atMs },
  { type: 'disable', atMs },
  { type: 'enable', atMs },
  { type: 'reset', atMs },
  { type: 'configure', openTime: settings, atMs },
  { type: 'told', state: 'closed', version: 1, atMs },
  { type: 'told', state: 'open', version: 1, atMs },
  { type: 'told', state: 'halfOpen', version: 1, atMs },
];

type Situation = SnapshotFrom<BreakerMachine>;
// The graph's types know no logic that emits events of its own.
const logic = machine as unknown as ActorLogic<Situation, BreakerMachineEvent, unknown>;
const graph = getAdjacencyMap(logic, {
  events: [...EVENTS],
  // Holds and openings have no bound: beyond these nothing new comes.
  stopWhen: ({ context }) => context.holds > 3 || context.openings > 4,
  serializeState: ({ value, context: { holds, openings, openForMs, openUntilMs, reason, toldVersion } }) =>
    JSON.stringify([value, holds, openings, openForMs, openUntilMs, reason, toldVersion]),
});
interface Way {
  readonly event: BreakerMachineEvent;
  readonly state: Situation;
}
const situations = Object.values(graph).map(({ state, transitions }) => ({
  state,
  ways: Object.values(transitions) as readonly Way[],
}));

describe('every path through the breaker machine', () => {
  it('reaches every state', () => {
    expect(new Set(situations.map(({ state }) => state.value))).toEqual(new Set(BREAKER_STATES));
  });

  it('takes every transition that the machine has', () => {
    const taken = new Set<unknown>();
    for (const { state } of situations) {
      for (const event of EVENTS)
        for (const each of machine.getTransitionData(state, event) ?? []) taken.add(each);
    }
    const untaken = Object.values(machine.states)
      .flatMap((node) => [...node.transitions.values()].flat())
      .filter((transition) => !taken.has(transition))
      .map(({ source, eventType, guard }) => `${source.key} on ${eventType} if ${String(guard)}`);
    expect(untaken).toEqual([]);
  });

  it('has a deadline while it is open, and only then', () => {
    for (const { state } of situations) {
      expect([state.value, state.context.openUntilMs !== undefined]).toEqual([
        state.value,
        state.value === 'open',
      ]);
    }
  });

  it('has holds while it is held open, and not in the states of its own', () => {
    for (const { state } of situations) {
      const { value, context } = state;
      if (value === 'heldOpen') expect(context.holds).toBeGreaterThan(0);
      else if (value !== 'disabled') expect(context.holds).toBe(0);
    }
  });

  it('has no growth left when it is closed, and a reason whenever it refuses', () => {
    for (const { state } of situations) {
      const { value, context } = state;
      if (value === 'closed')
        expect(context).toMatchObject({ openings: 0, reason: undefined, openForMs: 1_000 });
      if (state.hasTag('refusing')) expect(context.reason).toBeDefined();
    }
  });

  it('never opens for longer than the cap, and longer each time until then', () => {
    const times = new Map<number, Set<number>>();
    for (const { state } of situations) {
      if (state.value !== 'open') continue;
      const { openings, openForMs } = state.context;
      if (openForMs === 0) continue; // it was told that it is on trial elsewhere
      times.set(openings, (times.get(openings) ?? new Set()).add(openForMs));
    }
    expect([...times].sort().map(([openings, ms]) => [openings, ...ms])).toEqual([
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
      [4, 4_000],
      [5, 4_000],
    ]);
  });

  it('comes back to closed from everywhere', () => {
    for (const { state } of situations) {
      const actor = createActor(machine, { snapshot: state }).start();
      actor.send({ type: 'release.all', atMs });
      actor.send({ type: 'enable', atMs });
      actor.send({ type: 'openTime.passed', atMs });
      actor.send({ type: 'probes.succeeded', atMs });
      expect(actor.getSnapshot().value).toBe('closed');
    }
  });
});

describe('breaker machine', () => {
  it('draws the same open times from the same seed, and others from another', () => {
    const draw = (seed: number) => {
      const jittery = settingsOf({ openMs: 1_000, openJitter: 0.5, openFactor: 1 });
      const actor = createActor(createBreakerMachine(jittery, seed)).start();
      return Array.from({ length: 20 }, () => {
        actor.send({ type: 'reset', atMs });
        return actor.getSnapshot().context.openForMs;
      });
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(Math.min(...draw(3))).toBeGreaterThanOrEqual(500);
    expect(Math.max(...draw(3))).toBeLessThanOrEqual(1_500);
  });

  it('opens for the new time once its options have changed, and lets an opening end in its own', () => {
    const actor = createActor(machine).start();
    actor.send({ type: 'configure', openTime: { ...settings, openMs: 2_000 }, atMs });
    actor.send({ type: 'tripped', reason: 'failuresInRow', atMs });
    expect(actor.getSnapshot().context).toMatchObject({ openForMs: 2_000, openUntilMs: 2_010 });
    actor.send({ type: 'configure', openTime: { ...settings, openMs: 500 }, atMs });
    expect(actor.getSnapshot().context).toMatchObject({ openForMs: 2_000, openUntilMs: 2_010 });
    actor.send({ type: 'openTime.passed', atMs: 2_010 });
    actor.send({ type: 'probes.failed', atMs: 2_010 });
    expect(actor.getSnapshot().context).toMatchObject({ openForMs: 1_000, openings: 2 });
  });

  it('goes on from a snapshot that went through JSON', () => {
    const before = createActor(machine).start();
    before.send({ type: 'tripped', reason: 'failureRateOfTime', atMs: 500 });
    const snapshot = JSON.parse(JSON.stringify(before.getPersistedSnapshot()));
    const after = createActor(machine, { snapshot }).start();
    expect(after.getSnapshot().context.openUntilMs).toBe(1_500);
    after.send({ type: 'openTime.passed', atMs: 1_500 });
    expect(after.getSnapshot().value).toBe('halfOpen');
  });
});
