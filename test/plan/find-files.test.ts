import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { SpecProblem } from '../../src/core/errors.js';
import { findFiles } from '../../src/plan/find-files.js';
import type { UserCode } from '../../src/plan/user-code/user-code.js';
import { invalidModule } from '../../src/registry/component-module.js';
import { QueueOptions } from '../../src/settings/queue-options.js';
import type { ResolvedStage } from '../../src/wire/resolved-spec.js';

const ours: ResolvedStage = { use: 'null', options: {} };
const module = (path: string): ResolvedStage => ({
  use: 'module',
  options: { path },
  facts: { moduleOption: 'path' },
});

/** Refuses every module, the first one last. */
function refuseAll(): UserCode {
  let turns = 8;
  return {
    find: async (path) => {
      for (let left = turns--; left > 0; left--) await setImmediate();
      throw invalidModule(path, 'not there');
    },
    plan: () => Promise.reject(new Error('nothing to plan')),
    declare: () => Promise.reject(new Error('nothing to declare')),
  };
}

it('names every module that may not be loaded, in the order of the spec, however long each look takes', async () => {
  const problems: SpecProblem[] = [];
  const input = { at: ['with'], operatorsAt: ['operators'], source: ours, operators: [module('b'), ours] };
  const branch = (at: string, path: string) => ({
    at: ['branches', at],
    operators: [module(path)],
    batcher: ours,
    sink: ours,
    queue: QueueOptions.parse({}),
  });
  const found = await findFiles(
    {
      source: ours,
      operators: [module('a'), { ...ours, inputs: { with: input, other: { ...input, at: ['other'] } } }],
      batcher: ours,
      sink: { ...ours, branches: { x: branch('x', 'd'), y: branch('y', 'e') } },
    },
    refuseAll(),
    problems,
  );
  expect(found).toMatchObject({ source: ours, operators: [undefined, undefined], sink: undefined });
  expect(problems.map(({ path }) => path.join('.'))).toEqual([
    'operators.0.path',
    'operators.1.operators.0.path',
    'operators.1.operators.0.path',
    'sink.branches.x.operators.0.path',
    'sink.branches.y.operators.0.path',
  ]);
});
