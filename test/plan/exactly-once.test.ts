import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { defineComponent } from '../../src/engine/component.js';
import type { Operator } from '../../src/engine/operator.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { writeModule } from '../support/module-file.js';
import { scratchFolder } from '../support/recorded-data.js';
import { specProblems } from '../support/spec-problems.js';
import { TransactionalTable } from '../support/transactional-table.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const SYNTHETIC = { use: 'synthetic', rows: 10, symbols: 2 };
const base = { name: 'exact', delivery: 'exactly-once', source: SYNTHETIC, sink: { use: 'null' } };
const csv = (name: string) => ({ use: 'csv', path: `${SCRATCH.folder}/${name}.csv` });
const DEPTH = { use: 'binance-spot', stream: 'quotes', symbols: ['BTCUSDT'] };

describe('a spec with delivery: exactly-once', () => {
  it('is accepted if all of its stages take part', async () => {
    expect(await specProblems({ ...base, sink: csv('fits') })).toEqual([]);
    expect(await specProblems(base)).toEqual([]);
  });

  it.each([
    [
      'prints again',
      { sink: { use: 'console' } },
      'sink',
      /"console", which prints .* again .*: write files/,
    ],
    [
      'prints again in a branch',
      { sink: { use: 'tee', branches: [csv('a'), { use: 'console' }] } },
      'sink.branches.1',
      /"console"/,
    ],
    [
      'is live only',
      { source: DEPTH },
      'source',
      /"binance-spot", which is live only: .* lost: use a source/,
    ],
    [
      'is live only among others',
      {
        source: {
          use: 'merge',
          sources: [DEPTH, { use: 'binance-spot', stream: 'quotes', symbols: ['ETHUSDT'] }],
        },
      },
      'source.sources.0',
      /live only/,
    ],
    [
      'is joined with what is live only',
      { operators: [{ use: 'asof', with: DEPTH, tolerance: '1s', take: { other: 'ask' } }] },
      'operators.0.with',
      /live only/,
    ],
    [
      'leaves rows out before a branch',
      { sink: { use: 'tee', branches: [csv('b'), { ...csv('c'), queue: { overflow: 'drop-oldest' } }] } },
      'sink.branches.1.queue',
      /leaves no rows out .*, found drop-oldest: choose block or fail/,
    ],
  ])('names a stage that %s by its path, and says what to use', async (_, change, path, text) => {
    const problems = await specProblems({ ...base, ...change });
    const found = problems.find((problem) => problem.startsWith(`${path}:`));
    expect(found).toMatch(text);
    expect(await specProblems({ ...base, ...change, delivery: 'best-effort' })).toEqual([]);
  });

  it('tells once of a queue that its source cannot have', async () => {
    const source = { ...base.source, queue: { overflow: 'conflate' } };
    const problems = await specProblems({ ...base, source });
    expect(problems).toEqual([expect.stringMatching(/^source\.queue\.overflow: expected block/)]);
  });

  it('names all of its stages that do not fit, and no source for what its inputs are', async () => {
    const source = { use: 'merge', sources: [SYNTHETIC, DEPTH] };
    const problems = await specProblems({
      ...base,
      source: { ...source, sources: [{ ...DEPTH, symbols: ['ETHUSDT'] }, DEPTH] },
      sink: { use: 'console' },
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'source.sources.0',
      'source.sources.1',
      'sink',
    ]);
  });

  it('refuses a topic at both of its ends', async () => {
    const { resolveWithFiles } = await import('../../src/plan/resolve-spec.js');
    const { loadHere } = await import('../../src/plan/user-code/load-here.js');
    const ends = { ...base, source: SYNTHETIC, sink: { use: 'topic', topic: 'bars' } };
    await expect(resolveWithFiles(ends, { userCode: loadHere, topics: {} })).rejects.toMatchObject({
      problems: [
        { path: ['sink'], message: expect.stringMatching(/"topic", which gives its consumers .* again/) },
      ],
    });
  });

  it('runs nowhere without a store, and says how to give one', async () => {
    const pipeline = createPipeline(base as OpenSpec);
    await expect(pipeline.build()).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      problems: [
        {
          path: ['delivery'],
          message: expect.stringMatching(/checkpoint store .* --?checkpoints|"--checkpoints FOLDER"/),
        },
      ],
    });
    await createPipeline(base as unknown as OpenSpec, { store: new MemoryCheckpointStore() }).build();
  });
});

/** An operator of a user that says of its state what it is given. */
function ownOperator(says: Partial<Operator>) {
  return defineComponent({
    kind: 'operator',
    name: 'own',
    summary: 'Of the test.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, input) => ({ output: input, process: (batch, emit) => emit(batch), ...says }),
    }),
  });
}

describe('an operator of a user, where delivery: exactly-once is asked for', () => {
  const build = (says: Partial<Operator>) =>
    createPipeline({ ...base, operators: [{ use: 'own' }] } as unknown as OpenSpec, {
      store: new MemoryCheckpointStore(),
      sink: new TransactionalTable().sink(),
      components: [ownOperator(says)],
    }).build();

  it('is refused if it neither saves its state nor says that it has none', async () => {
    await expect(build({})).rejects.toMatchObject({
      problems: [
        {
          path: ['operators', 0],
          message: expect.stringMatching(
            /"own", which may keep state .*: give the operator "snapshot" and "restore"/,
          ),
        },
      ],
    });
    await expect(build({ snapshot: () => 1 })).rejects.toThrow('may keep state');
  });

  it('is accepted if it does either', async () => {
    await build({ snapshot: () => 1, restore: () => {} });
    await build({ stateless: true });
  });

  it('is asked in the same way if it is a module', async () => {
    const of = (says: string) =>
      createPipeline(
        {
          ...base,
          operators: [
            {
              use: 'module',
              path: writeModule(
                `export default { plan: (o, input) => input, create: (o, input) => ({ output: input, process: (b, emit) => emit(b)${says} }) };`,
              ),
            },
          ],
        } as OpenSpec,
        { store: new MemoryCheckpointStore() },
      ).build();
    await expect(of('')).rejects.toThrow('"module", which may keep state that no checkpoint has');
    await of(', stateless: true');
    await of(', snapshot: () => 1, restore() {}');
  });
});

describe('each component of the package', () => {
  it('says whether it takes part in checkpoints', () => {
    const silent = builtIn.all().filter(({ exactlyOnce }) => exactlyOnce === undefined);
    expect(silent.map(({ kind, name }) => `${kind} ${name}`)).toEqual([]);
    const unfit = builtIn.all().filter(({ exactlyOnce }) => typeof exactlyOnce === 'object');
    expect(unfit.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'source topic',
      'sink console',
      'sink topic',
    ]);
  });
});
