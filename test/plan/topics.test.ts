import { describe, expect, it } from 'vitest';
import type { Schema } from '../../src/columns/schema.js';
import { InvalidSpecError } from '../../src/core/errors.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { topicsOfSpec } from '../../src/wire/stages-of-spec.js';

const TICKS: Schema = {
  kind: 'book',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64', nullable: true },
  ],
};
const discard = { use: 'null' } as const;

async function problemsOf(
  work: () => Promise<unknown>,
): Promise<readonly { path: unknown; message: string }[]> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InvalidSpecError);
  return (error as InvalidSpecError).problems.map(({ path, message }) => ({ path: path.join('.'), message }));
}

const consumer = (source: object, topics?: Record<string, Schema>) =>
  resolveSpec(
    { name: 'reader', source: { use: 'topic', topic: 'ticks', ...source }, sink: discard },
    { topics },
  );

describe('the plan of a topic', () => {
  it('takes the columns of a source from its producer, and notes those of a sink', async () => {
    const read = await consumer({}, { ticks: TICKS });
    expect(topicsOfSpec(read)).toEqual({ produces: [], consumes: ['ticks'] });
    expect(read.source.options).toMatchObject({ schema: TICKS });
    const made = await resolveSpec({
      name: 'maker',
      source: { use: 'synthetic', rows: 1 },
      operators: [{ use: 'select', columns: ['time', 'bid'] }],
      sink: {
        use: 'tee',
        branches: [
          { use: 'topic', topic: 'a' },
          { use: 'topic', topic: 'b' },
        ],
      },
    });
    const schema = expect.objectContaining({
      columns: [expect.objectContaining({ name: 'time' }), expect.objectContaining({ name: 'bid' })],
    });
    expect(topicsOfSpec(made)).toEqual({
      produces: [
        { topic: 'a', schema },
        { topic: 'b', schema },
      ],
      consumes: [],
    });
  });

  it('asks for the columns of a source whose producer is not known', async () => {
    expect(await problemsOf(() => consumer({}))).toEqual([
      {
        path: 'source.topic',
        message: expect.stringContaining('no pipeline is known that produces topic "ticks"'),
      },
    ]);
    expect(await problemsOf(() => consumer({ topic: 'constructor' }))).toEqual([
      { path: 'source.topic', message: expect.stringContaining('topic "constructor"') },
    ]);
    const declared = await consumer({ columns: [{ name: 'time', type: 'timestamp' }] });
    expect(declared.source.options).toMatchObject({
      schema: { kind: 'custom', columns: [{ name: 'time', type: 'timestamp' }] },
    });
  });

  it('says how the columns of a source differ from those of its producer', async () => {
    const columns = [
      { name: 'time', type: 'timestamp' },
      { name: 'price', type: 'float64' },
    ];
    const differs = (source: object) => problemsOf(() => consumer(source, { ticks: TICKS }));
    expect(await differs({ kind: 'trade', columns })).toEqual([
      { path: 'source.columns', message: expect.stringContaining('expected rows of kind trade, found book') },
    ]);
    expect(await differs({ kind: 'book', columns })).toEqual([
      { path: 'source.columns', message: expect.stringContaining('declare it `nullable`') },
    ]);
    expect(await differs({ kind: 'book', columns: columns.slice(0, 1) })).toEqual([
      { path: 'source.columns', message: expect.stringContaining('found a column "price" of type float64') },
    ]);
  });

  it('refuses a policy that rows cannot bear, an enum without values, and a ring of an odd size', async () => {
    expect(await problemsOf(() => consumer({ overflow: 'conflate' }, { ticks: TICKS }))).toEqual([
      { path: 'source.overflow', message: expect.stringContaining('for books') },
    ]);
    const columns = [{ name: 'side', type: 'enum' }];
    const odd = await problemsOf(() => consumer({ columns, ringBytes: 20_000 }, { ticks: TICKS }));
    expect(odd.map(({ path }) => path)).toEqual(['source.ringBytes', 'source.columns.0.values']);
  });

  it('refuses both ends in a pipeline without a runtime', async () => {
    const spec = {
      name: 'alone',
      source: { use: 'topic', topic: 'a', columns: [{ name: 'time', type: 'timestamp' }] },
      sink: { use: 'topic', topic: 'b' },
    } as const;
    const message = expect.stringContaining('a topic connects the pipelines of a runtime');
    expect(await problemsOf(() => createPipeline(spec).run())).toEqual([
      { path: 'source.use', message },
      { path: 'sink.use', message },
    ]);
  });
});
