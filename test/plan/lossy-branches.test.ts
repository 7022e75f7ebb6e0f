import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { formatPath, InvalidSpecError } from '../../src/core/errors.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { columnsInto } from '../../src/plan/columns-into.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { lossyBranches, refusedBranches } from '../../src/plan/lossy-branches.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { ResolvedStage } from '../../src/wire/resolved-spec.js';
import { askedHere } from '../support/asked-here.js';
import { branchedStages } from '../support/branched-stages.js';
import { nestedStages } from '../support/nested-stages.js';

const registry = builtIn.with([...nestedStages(), ...branchedStages()]);
const catalogue = new Catalogue(registry);
const NULL = { use: 'null' };
const queued = (overflow: unknown, rest: object = NULL) => ({ ...rest, queue: { overflow } });

const resolve = (
  branches: readonly object[],
  source: object = { use: 'synthetic', kind: 'quote', rows: 4 },
) =>
  resolveWithFiles(
    { name: 'lossy', source, sink: { use: 'tee', branches } },
    { catalogue, userCode: askedHere },
  );

describe('the columns into the stages of a spec', () => {
  it('are those of the stage before, in branches and inputs too', async () => {
    const twice = { use: 'derive', columns: { twice: 'n * 2' } };
    const zip = { use: 'zip', with: { use: 'counting' }, operators: [twice, { use: 'running' }] };
    const inner = { use: 'tee', operators: [twice], branches: [{ ...NULL, operators: [zip] }] };
    const { resolved, outputs } = await resolve([inner, NULL], { use: 'counting' });
    const into = columnsInto<ResolvedStage>(resolved, outputs);
    expect([...into].map(([id, { columns }]) => `${id}: ${columns.map(({ name }) => name)}`)).toEqual([
      'batcher: n',
      'sink: n',
      'sink.branches[0].operators[0]: n',
      'sink.branches[0].batcher: n,twice',
      'sink.branches[0]: n,twice',
      'sink.branches[0].branches[0].operators[0]: n,twice',
      'sink.branches[0].branches[0].operators[0].operators[0]: n',
      'sink.branches[0].branches[0].operators[0].operators[1]: n,twice',
      'sink.branches[0].branches[0].batcher: n,twice',
      'sink.branches[0].branches[0]: n,twice',
      'sink.branches[1].batcher: n',
      'sink.branches[1]: n',
    ]);
  });
});

describe('branches that may leave rows out', () => {
  const lossy = async (branches: readonly object[]) => {
    const { resolved, outputs } = await resolve(branches);
    const found = lossyBranches(resolved, columnsInto<ResolvedStage>(resolved, outputs));
    return found.map(({ at, policy }) => `${formatPath(at)}: ${policy}`);
  };

  it('are those with such a policy for the rows that they get', async () => {
    expect(
      await lossy([NULL, queued('block'), queued('fail'), queued({ trades: 'conflate', quotes: 'block' })]),
    ).toEqual([]);
    expect(await lossy([queued('drop-newest'), queued({ quotes: 'conflate', trades: 'block' })])).toEqual([
      'sink.branches[0].queue.overflow: drop-newest',
      'sink.branches[1].queue.overflow.quotes: conflate',
    ]);
  });

  it('are found in branches of branches, by the rows that their operators make', async () => {
    const bars = { use: 'bars', every: '1s', price: 'bid' };
    const inner = {
      use: 'tee',
      operators: [bars],
      branches: [queued({ quotes: 'conflate', bars: 'block' }), queued({ bars: 'drop-oldest' })],
    };
    expect(await lossy([inner])).toEqual(['sink.branches[0].branches[1].queue.overflow.bars: drop-oldest']);
  });

  it('count for rows of any kind where the columns are unknown', async () => {
    const { resolved } = await resolve([queued({ trades: 'conflate', quotes: 'block' })]);
    expect(lossyBranches(resolved, new Map())).toMatchObject([{ policy: 'conflate' }]);
  });
});

describe('each row arrives exactly once', () => {
  it.each([
    ['replayable', 'transactional', true],
    ['resumable', 'idempotent', true],
    ['replayable', 'append', false],
    ['live-only', 'transactional', false],
    [undefined, 'transactional', false],
    ['replayable', undefined, false],
  ] as const)(
    'with a store, of a source that is %s, at a sink that is %s: %s',
    (source, delivery, expected) => {
      const sinks = [{ id: 'sink', path: ['sink'], delivery }];
      const lossy = [{ id: 'sink', path: ['sink'], at: ['sink', 'queue'], policy: 'drop-oldest' }] as const;
      const refused = lossy.map((branch) => ({ ...branch, sinks: ['sink'] }));
      expect(refusedBranches(lossy, { hasStore: true, source, sinks })).toEqual(expected ? refused : []);
      expect(refusedBranches(lossy, { hasStore: false, source, sinks })).toEqual([]);
    },
  );
});

describe('a run with a store', () => {
  const problemsOf = async (branches: readonly object[], isSaved: boolean) => {
    const { resolved } = await resolve(branches);
    const environment = { clock: systemClock, log: silentLogger, counters: new Counters(), registry };
    const saver = { save: async () => {}, everyMs: 1_000 };
    const made = instantiate(resolved, { ...environment, ...(isSaved && { saver }) });
    return made.then(
      () => [],
      (error: unknown) => {
        expect(error).toBeInstanceOf(InvalidSpecError);
        return (error as InvalidSpecError).problems.map(
          ({ path, message }) => `${formatPath(path)}: ${message}`,
        );
      },
    );
  };

  const APPENDING = { use: 'telling', delivery: 'append' };

  it('is refused with a branch that may leave out rows which would arrive exactly once', async () => {
    const branches = [NULL, queued('conflate')];
    expect(await problemsOf(branches, false)).toEqual([]);
    const problem =
      'sink.branches[1].queue.overflow: expected block or fail, found conflate: with a checkpoint store, each ' +
      'row arrives exactly once at sink.branches[1], and this branch may leave rows out; choose another policy, ' +
      'or run without a store';
    expect(await problemsOf(branches, true)).toEqual([problem]);
    // What another branch promises changes nothing for this one.
    expect(await problemsOf([...branches, APPENDING], true)).toEqual([problem]);
  });

  it('takes a branch that may leave rows out, if its sink writes rows again after a restart anyway', async () => {
    expect(await problemsOf([NULL, queued('conflate', APPENDING)], true)).toEqual([]);
  });

  it('judges a branch of branches by the sinks inside it', async () => {
    const inner = (...branches: readonly object[]) => queued('drop-oldest', { use: 'tee', branches });
    expect(await problemsOf([NULL, inner(APPENDING, APPENDING)], true)).toEqual([]);
    expect(await problemsOf([NULL, inner(APPENDING, NULL)], true)).toEqual([
      expect.stringContaining('exactly once at sink.branches[1].branches[1], and this branch may'),
    ]);
  });
});
