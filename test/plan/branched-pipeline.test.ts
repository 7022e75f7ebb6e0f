import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { instantiate, type PipelineEnvironment } from '../../src/plan/instantiate.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { askedHere } from '../support/asked-here.js';
import { branchedStages } from '../support/branched-stages.js';
import { nestedStages } from '../support/nested-stages.js';

const told: string[] = [];
const registry = builtIn.with([...nestedStages(told), ...branchedStages(told)]);
const catalogue = new Catalogue(registry);
const tell = (tag: string, rest: object = {}) => ({ use: 'telling', tag, ...rest });

async function pipelineOf(sink: object, environment: Partial<PipelineEnvironment> = {}, rows = 4) {
  told.length = 0;
  const spec = { name: 'tree', source: { use: 'counting', rows }, sink };
  const { resolved } = await resolveWithFiles(spec, { catalogue, userCode: askedHere });
  const own = { clock: systemClock, log: silentLogger, counters: new Counters(), registry };
  return instantiate(structuredClone(resolved), { ...own, ...environment });
}

const numbersOf = (tag: string) =>
  told.filter((line) => line.startsWith(`${tag} `)).map((line) => Number(line.slice(tag.length + 1)));

describe('a pipeline made of a spec with branches', () => {
  it('gives each branch of a tee all rows, changed by its own operators alone', async () => {
    const pipeline = await pipelineOf({
      use: 'tee',
      branches: [
        tell('plain'),
        tell('sums', { operators: [{ use: 'running' }] }),
        tell('joined', { operators: [{ use: 'zip', with: { use: 'counting', from: 100 } }] }),
      ],
    });
    const report = await pipeline.run();
    expect(report.error).toBeUndefined();
    expect(numbersOf('plain')).toEqual([1, 2, 3, 4]);
    expect(numbersOf('sums')).toEqual([1, 3, 6, 10]);
    expect(numbersOf('joined')).toEqual([1_100, 2_101, 3_102, 4_103]);
  });

  it('gives each branch of a split its rows, whatever the order of the keys is', async () => {
    const routes = {
      small: { when: 'n < 2', ...tell('small') },
      even: { when: 'n = 2 or n = 4', ...tell('even') },
      any: { when: 'n < 4', ...tell('any') },
    };
    const first = await pipelineOf({ otherwise: tell('rest'), use: 'split', routes }, {}, 6);
    expect((await first.run()).error).toBeUndefined();
    expect(['small', 'even', 'any', 'rest'].map(numbersOf)).toEqual([[1], [2, 4], [3], [5, 6]]);
    const all = await pipelineOf({ use: 'split', match: 'all', routes, otherwise: tell('rest') }, {}, 6);
    expect((await all.run()).error).toBeUndefined();
    expect(['small', 'even', 'any', 'rest'].map(numbersOf)).toEqual([[1], [2, 4], [1, 2, 3], [5, 6]]);
  });

  it('has branches in branches, each stage reported by its id', async () => {
    const inner = { use: 'split', routes: { large: { when: 'n > 2', ...tell('large', { name: 'big' }) } } };
    const pipeline = await pipelineOf({ use: 'tee', branches: [inner, tell('all')] });
    const { stages } = await pipeline.run();
    expect(numbersOf('large')).toEqual([3, 4]);
    const sinks = stages.filter(({ stage }) => stage.startsWith('sink')).map(({ stage }) => stage);
    expect(sinks).toEqual([
      'sink',
      'sink.branches[0].batcher',
      'sink.branches[0]',
      'sink.branches[0].routes.large.batcher',
      'sink.branches[0].routes.large',
      'sink.branches[1].batcher',
      'sink.branches[1]',
    ]);
  });
});
