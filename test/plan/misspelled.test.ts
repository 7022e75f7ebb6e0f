import { describe, expect, it } from 'vitest';
import { BATCHER_KEYS } from '../../src/plan/misplaced-option.js';
import { BatcherOptions } from '../../src/stages/batchers/smart/options.js';
import { specProblems } from '../support/spec-problems.js';

const problemsOf = (spec: object) => specProblems({ name: 'typos', source: SOURCE, sink: NULL, ...spec });

const SOURCE = { use: 'synthetic', kind: 'quote', rows: 1 };
const NULL = { use: 'null' };
const tee = (...branches: object[]) => ({ sink: { use: 'tee', branches } });
const merge = (more: object) => ({ source: { use: 'merge', sources: [SOURCE, SOURCE], ...more } });

describe('a misspelled option', () => {
  it.each([
    [{ sorce: 1 }, 'sorce', 'source'],
    [merge({ idel: '5s' }), 'source.idel', 'idle'],
    [tee({ ...NULL, bather: {} }), 'sink.branches.0.bather', 'batcher'],
    [tee({ ...NULL, queue: { row: 5 } }), 'sink.branches.0.queue.row', 'rows'],
    [{ source: { ...SOURCE, faults: { disorderBye: 1 } } }, 'source.faults.disorderBye', 'disorderBy'],
    [{ operators: [{ use: 'bars', evry: '1s', every: '1s' }] }, 'operators.0.evry', 'every'],
  ])('is told from the one that was meant (%j)', async (spec, path, meant) => {
    expect(await problemsOf(spec)).toContain(`${path}: there is no such option (did you mean "${meant}"?)`);
  });

  it('is no nearer to keys that its place does not have', async () => {
    expect(await problemsOf({ sink: { ...NULL, bather: {} } })).toEqual([
      'sink.bather: there is no such option',
    ]);
  });
});

describe('an option in the wrong place', () => {
  it.each([
    [{ maxRows: 5 }, 'maxRows', '"maxRows" is an option of the batcher, as batcher.maxRows'],
    [
      { maxThreads: 5 },
      'maxThreads',
      '"maxThreads" is a setting of the runtime, for createRuntime or the file of --settings',
    ],
    [{ budget: {} }, 'budget', '"budget" goes with a source, as source.budget'],
    [
      { sink: { ...NULL, deadLetter: {} } },
      'sink.deadLetter',
      '"deadLetter" stands at the top of a spec, beside "source" and "sink"',
    ],
  ])('has its place named (%j)', async (spec, path, place) => {
    const [problem] = await problemsOf(spec);
    expect(problem).toContain(`${path}: there is no such option here`);
    expect(problem).toContain(place);
  });

  it('is one of the batcher if the batcher has it', () => {
    expect(Object.keys(BatcherOptions.shape)).toEqual(expect.arrayContaining([...BATCHER_KEYS]));
  });
});

describe('a value of an option', () => {
  it('is told from the word that was meant, beside other forms too', async () => {
    expect(await problemsOf(tee({ ...NULL, queue: { overflow: 'dropoldest' } }))).toEqual([
      expect.stringMatching(
        /^sink\.branches\.0\.queue\.overflow: expected block, .*, found "dropoldest" \(did you mean "drop-oldest"\?\)$/,
      ),
    ]);
  });

  it('is echoed where it is a name of a stage or an amount of time, and nowhere else', async () => {
    expect(await problemsOf({ sink: { ...NULL, name: 'a b' } })).toEqual([
      expect.stringMatching(/^sink\.name: expected 1 to 100 letters, .*, found "a b"$/),
    ]);
    const bars = (lateness: string) =>
      problemsOf({ operators: [{ use: 'bars', every: '1s', price: 'bid', lateness }] });
    expect(await bars('1e9d')).toEqual([expect.stringMatching(/, found "1e9d"$/)]);
    expect(await bars('s3cr3t-key')).toEqual([expect.stringMatching(/, found a text$/)]);
  });

  it('is counted where it has too many or too few entries', async () => {
    const sources = Array.from({ length: 65 }, () => SOURCE);
    expect(await problemsOf(merge({ sources }))).toEqual([
      'source.sources: expected a list of 1 to 64 sources; more can be divided among several merges, which are ' +
        'sources, too, found 65',
    ]);
    expect(await problemsOf({ sink: { use: 'split', routes: {} } })).toEqual([
      'sink.routes: expected a mapping from 1 to 64 names to routes, found 0 of them',
    ]);
  });
});

describe('operators of an input', () => {
  it('are found where they belong: beside the second source of asof, inside each source of a merge', async () => {
    const operators = [{ use: 'filter', where: 'bid > 0' }];
    expect(
      await problemsOf({ operators: [{ use: 'asof', take: { b: 'bid' }, with: { ...SOURCE, operators } }] }),
    ).toEqual([
      'operators.0.with.operators: there is no such option here: operators of this source stand beside it, as ' +
        'operators[0].operators',
    ]);
    expect(await problemsOf(merge({ operators }))).toEqual([
      'source.operators: there is no such option here: operators stand inside each source, as sources[0].operators',
    ]);
  });
});
