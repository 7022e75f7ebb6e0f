import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobHandle } from '../../../src/supervision/job.js';
import { crash, reportOf } from '../../supervision/job-fixtures.js';
import { startGroups, stateOf } from './group-rig.js';
import { ModelGroups, type Strategy } from './model-groups.js';

const HOUR_MS = 3_600_000;

interface Tree {
  /** Each with the number of its parent, which comes before it; none: a root. */
  readonly groups: readonly { strategy: Strategy; maxRestarts: number; parent: number }[];
  /** The group of each job, in order of submission. */
  readonly jobs: readonly number[];
}

type Step =
  | { readonly what: 'fail'; readonly jobs: readonly number[] }
  | { readonly what: 'stop' | 'complete' | 'pause'; readonly job: number }
  | { readonly what: 'wait' };

const strategy = fc.constantFrom<Strategy>('one-for-one', 'one-for-all', 'rest-for-one');
const treeArbitrary: fc.Arbitrary<Tree> = fc.record({
  groups: fc.array(fc.record({ strategy, maxRestarts: fc.integer({ min: 1, max: 3 }), parent: fc.nat(9) }), {
    minLength: 1,
    maxLength: 5,
  }),
  jobs: fc.array(fc.nat(9), { minLength: 1, maxLength: 7 }),
});
const job = fc.nat(9);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('fail' as const),
      jobs: fc.array(job, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('stop' as const, 'complete', 'pause'), job }) },
  { weight: 1, arbitrary: fc.constant({ what: 'wait' as const }) },
);

describe('groups in groups', () => {
  it('restart and end the jobs that a naive model does, whatever fails and whenever', async () => {
    await fc.assert(
      fc.asyncProperty(treeArbitrary, fc.array(stepArbitrary, { minLength: 3, maxLength: 12 }), play),
      { numRuns: 60, endOnFailure: true },
    );
  });
});

/** @param steps - Numbers of jobs and groups wrap around. */
async function play({ groups, jobs }: Tree, steps: readonly Step[]): Promise<void> {
  const nameOf = (group: number) => `g${group % groups.length}`;
  const settings = groups.map(({ strategy, maxRestarts, parent }, at) => [
    `g${at}`,
    // The first one is a root; so is each that would be its own parent.
    {
      strategy,
      maxRestarts,
      within: '30m',
      ...(parent % (at + 1) < at && { parent: `g${parent % (at + 1)}` }),
    },
  ]);
  const rig = startGroups(Object.fromEntries(settings));
  const model = new ModelGroups(Object.fromEntries(settings));
  const handles = jobs.map((group, at) => {
    model.add(at, nameOf(group));
    return rig.submit(`j${at}`, nameOf(group));
  });
  await rig.settle();
  const of = (number: number): JobHandle => handles[number % handles.length]!;
  for (const step of steps) {
    rig.events.length = 0;
    if (step.what === 'wait') {
      rig.clock.advance(HOUR_MS);
      model.forget();
    } else if (step.what === 'fail') {
      const failing = [...new Set(step.jobs.map((number) => number % handles.length))].filter((number) =>
        model.isLive(number),
      );
      for (const number of failing) await rig.fail(of(number), crash);
      model.fail(failing);
      await rig.comeAgain();
    } else if (model.isLive(step.job % handles.length)) {
      if (step.what === 'pause') await of(step.job).pause();
      else await end(rig, of(step.job), step.what);
      if (step.what !== 'pause') model.end(step.job % handles.length);
    }
    check(rig, handles, model);
  }
  for (const handle of handles) void handle.stop();
  await rig.settle();
  expect(rig.clock.timersArmed).toBe(0);
}

async function end(rig: ReturnType<typeof startGroups>, handle: JobHandle, how: 'stop' | 'complete') {
  if (how === 'stop') void handle.stop();
  rig.lastRun(handle).finish(reportOf(how === 'stop' ? 'stopped' : 'completed'));
  await handle.outcome;
}

function check(rig: ReturnType<typeof startGroups>, handles: readonly JobHandle[], model: ModelGroups): void {
  const found = handles.map((handle) => [handle.inspect().runs.at(-1)!.attempt, stateOf(handle) === 'dead']);
  expect(found).toEqual(handles.map((_, at) => [model.attemptsOf(at), model.isDead(at)]));
  for (const [at, handle] of handles.entries()) {
    const states = model.isLive(at) ? ['running', 'paused'] : ['dead', 'stopped', 'completed'];
    expect(states).toContain(stateOf(handle));
  }
  expect(rig.service.groups().map(({ name, restarts, state }) => [name, restarts, state === 'dead'])).toEqual(
    model.counts(),
  );
  for (const event of rig.events) if (event.type === 'group.restarting') checkOrder(rig, event.jobs);
}

/** All of their runs end before the first one of them starts again, and they start in order of submission. */
function checkOrder(rig: ReturnType<typeof startGroups>, jobs: readonly string[]): void {
  const steps = rig.events.flatMap((event) =>
    event.type === 'job.state' && jobs.includes(event.id) ? [{ id: event.id, state: event.state }] : [],
  );
  const starts = steps.filter(({ state }) => state === 'starting').map(({ id }) => id);
  expect(starts).toEqual(jobs.filter((id) => starts.includes(id)));
  const firstStart = steps.findIndex(({ state }) => state === 'starting');
  const lastEnd = steps.findLastIndex(({ state }) => state === 'backingOff');
  if (firstStart >= 0) expect(lastEnd).toBeLessThan(firstStart);
}
