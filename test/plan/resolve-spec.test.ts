import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidSpecError } from '../../src/core/errors.js';
import { specJsonSchema } from '../../src/plan/spec-json-schema.js';
import { builtIn } from '../../src/registry/built-in.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';

async function problemsOf(spec: unknown): Promise<string[]> {
  try {
    await resolveSpec(spec);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidSpecError)) throw error;
    return error.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}

const SOUND = { name: 'sound', source: { use: 'synthetic' }, sink: { use: 'null' } };

describe('a spec', () => {
  it('is filled in with defaults', async () => {
    const resolved = await resolveSpec(SOUND);
    expect(resolved).toMatchObject({
      name: 'sound',
      operators: [],
      batchRows: 8_192,
      maxMemoryMb: 1_024,
      seed: 0,
      batcher: { use: 'smart' },
    });
  });

  it('has a limit of memory that some batches fit in', async () => {
    for (const maxMemoryMb of [15, 16.5, '1 GB', 1_048_577]) {
      expect(await problemsOf({ ...SOUND, maxMemoryMb })).toEqual([
        expect.stringContaining('maxMemoryMb: expected a whole number of megabytes, 16 to 1048576'),
      ]);
    }
    expect(await resolveSpec({ ...SOUND, maxMemoryMb: 16 })).toMatchObject({ maxMemoryMb: 16 });
  });

  it('crosses threads as it is', async () => {
    const resolved = await resolveSpec({ ...SOUND, operators: [{ use: 'bars', every: '1m', price: 'bid' }] });
    expect(structuredClone(resolved)).toEqual(resolved);
  });

  it('has its types named as those who write one know them', async () => {
    expect(await problemsOf({ ...SOUND, sink: 5, deadLetter: 'out' })).toEqual([
      'sink: expected a mapping, found 5',
      'deadLetter: expected a mapping, found a text',
    ]);
  });

  it('that is wrong in many places has all of them named', async () => {
    const problems = await problemsOf({
      name: '',
      source: { use: 'synthetic', rows: -1, sybmols: 3 },
      operators: [
        { use: 'flter', where: 'x' },
        { use: 'bars', every: 'soon' },
      ],
      batcher: { maxRows: 0 },
      sink: { use: 'parquet', compression: 'snapy' },
      extra: true,
    });
    const paths = problems.map((problem) => problem.split(':')[0]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'name',
        'source.rows',
        'source.sybmols',
        'operators.0.use',
        'operators.1.every',
        'batcher.maxRows',
        'sink.path',
        'sink.compression',
        'extra',
      ]),
    );
    expect(problems.find((text) => text.startsWith('operators.0.use'))).toContain('did you mean "filter"?');
    expect(problems.find((text) => text.startsWith('batcher.maxRows'))).toMatch(/expected .*found 0/);
  });

  it('whose operator wants a column that is not there says which are', async () => {
    const problems = await problemsOf({ ...SOUND, operators: [{ use: 'filter', where: 'prcie > 0' }] });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/operators\.0\.where: .*prcie/);
  });

  it('is checked against the columns that earlier operators make', async () => {
    const operators = [
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'select', columns: ['time', 'symbol', 'mid'] },
      { use: 'filter', where: 'bid > 0' },
    ];
    const problems = await problemsOf({ ...SOUND, operators });
    expect(problems.map((text) => text.split(':')[0])).toEqual(['operators.2.where']);
  });

  it('that keeps late rows says where', async () => {
    const spec = {
      ...SOUND,
      operators: [
        { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
        { use: 'bars', every: '1m', late: 'keep' },
      ],
    };
    expect(await problemsOf(spec)).toEqual([
      'operators.1.late: expected "deadLetter.path" in the spec, or "lateColumn", since "keep" must record late rows',
    ]);
    expect(await problemsOf({ ...spec, deadLetter: { path: 'rejected.jsonl' } })).toEqual([]);
  });

  it('with a wrong option in its source still has its later stages followed', async () => {
    const problems = await problemsOf({
      ...SOUND,
      source: { use: 'synthetic', rows: 'many', rwos: 1 },
      operators: [{ use: 'filter', where: 'prcie > 0' }],
    });
    expect(problems.map((text) => text.split(':')[0])).toEqual([
      'source.rows',
      'source.rwos',
      'operators.0.where',
    ]);
  });

  it('tells an empty list from one with the wrong things in it', async () => {
    const source = { use: 'replay', kind: 'custom', path: [], columns: { a: 'a' } };
    expect(await problemsOf({ ...SOUND, source })).toEqual([
      'source.path: expected the path of a file, a glob, or a list of them, found an empty list',
    ]);
  });

  it('does not echo texts, which may be secrets', async () => {
    const problems = await problemsOf({ ...SOUND, source: { use: 'synthetic', rows: 'hunter2' } });
    expect(problems.join()).not.toContain('hunter2');
  });

  it('of any shape is refused with problems, never with another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (spec) => {
        expect((await problemsOf(spec)).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the JSON Schema of a spec', () => {
  it('has all components', async () => {
    const text = JSON.stringify(await specJsonSchema());
    for (const { name } of builtIn.all()) expect(text).toContain(`{"const":"${name}"}`);
  });
});
