import { afterAll, describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import type { PipelineSpec } from '../../src/plan/typed-spec.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { assertFollows } from '../../src/service/assert-follows.js';
import type { JobState } from '../../src/supervision/job.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { ownerOfThread } from '../../src/wire/owner-of-thread.js';
import { checkpointOf } from '../checkpoints/checkpoint-of.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;

const SPEC: PipelineSpec = {
  name: 'made',
  source: { use: 'synthetic', rows: 9 },
  operators: [
    { use: 'filter', where: 'bid > 1' },
    { use: 'bars', every: '1m', price: 'bid' },
  ],
  sink: { use: 'csv', path: `${SCRATCH.folder}/out` },
};
const OTHER_FILTER: PipelineSpec = {
  ...SPEC,
  operators: [
    { use: 'filter', where: 'bid > 2' },
    { use: 'bars', every: '1m', price: 'bid' },
  ],
};
const OTHER_BARS: PipelineSpec = {
  ...SPEC,
  operators: [
    { use: 'filter', where: 'bid > 2' },
    { use: 'bars', every: '5m', price: 'bid' },
  ],
};

/** What becomes of an update of a job in a state, with a checkpoint of a spec in its store. */
async function updated(
  changed: PipelineSpec,
  {
    state = 'running',
    saved,
    of = SPEC,
  }: { state?: JobState; saved?: Partial<Checkpoint>; of?: PipelineSpec } = {},
): Promise<string> {
  const checkpoints = { path: `${SCRATCH.folder}/store-${folders++}`, everyMs: 1_000 };
  if (saved) {
    const store = new FileCheckpointStore(checkpoints.path);
    const fence = await store.claim('made', ownerOfThread());
    const states = { source: 1, sink: {}, 'operators[0]': null, 'operators[1]': { open: 3 }, rows: {} };
    const checkpoint = checkpointOf(1, { spec: fingerprintOf(await resolveSpec(of)), states, ...saved });
    await store.save('made', fence, checkpoint);
  }
  const job = { name: 'made', state, spec: await resolveSpec(SPEC) };
  return assertFollows(job, await resolveSpec(changed), checkpoints).then(
    () => 'follows',
    (error) => `${error.code}: ${error.message}`,
  );
}

describe('an update is checked', () => {
  it('by the last checkpoint, and names each change that its state cannot follow', async () => {
    expect(await updated(OTHER_FILTER, { saved: {} })).toBe('follows');
    expect(
      await updated({ ...OTHER_BARS, sink: { use: 'csv', path: `${SCRATCH.folder}/b` } }, { saved: {} }),
    ).toBe(
      'UPDATE_REFUSED: Job "made" cannot go on with the changed spec\n' +
        '  - Operator "bars" (operators[1]): its state was made with these options: leave them, or drain the job and submit the changed spec as a new run (operators[1].every)\n' +
        '  - Sink "csv": it goes on in what it has begun with these options: leave them, or drain the job and submit the changed spec as a new run (sink.path)',
    );
  });

  it('by the spec that the job has, while there is no checkpoint of its run', async () => {
    expect(await updated(OTHER_FILTER)).toBe('follows');
    expect(await updated(OTHER_BARS)).toMatch(/^UPDATE_REFUSED/);
    const ended = { how: 'completed', isPublished: true } as const;
    expect(await updated(OTHER_FILTER, { saved: { ended }, of: OTHER_BARS })).toBe('follows');
  });

  it('of a job that has not run by what is in its store, whatever its own spec says', async () => {
    expect(await updated(OTHER_BARS, { state: 'queued' })).toBe('follows');
    expect(await updated(OTHER_BARS, { state: 'queued', saved: {} })).toMatch(/^UPDATE_REFUSED/);
  });

  it('for its name and its topics', async () => {
    expect(await updated({ ...SPEC, name: 'other' })).toContain(
      'name: expected the name that the job has, found "other": submit another job instead',
    );
  });

  it('for checkpoints, if the job is at work', async () => {
    const now = await resolveSpec(SPEC);
    const follows = (state: JobState) => assertFollows({ name: 'made', state, spec: now }, now, undefined);
    await expect(follows('running')).rejects.toThrow('it has no checkpoint to go on from');
    await follows('queued');
    await follows('backingOff');
  });
});
