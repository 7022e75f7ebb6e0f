import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidSpecError } from '../../src/core/errors.js';
import { specJsonSchema } from '../../src/plan/spec-json-schema.js';
import { builtIn } from '../../src/registry/built-in.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { specProblems } from '../support/spec-problems.js';

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
      expect(await specProblems({ ...SOUND, maxMemoryMb })).toEqual([
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
    expect(await specProblems({ ...SOUND, sink: 5, deadLetter: 'out' })).toEqual([
      'sink: expected a mapping, found 5',
      'deadLetter: expected a mapping, found a text',
    ]);
  });

  it('that is wrong in many places has all of them named', async () => {
    const problems = await specProblems({
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
    const problems = await specProblems({ ...SOUND, operators: [{ use: 'filter', where: 'prcie > 0' }] });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/operators\.0\.where: .*prcie/);
  });

  it('is checked against the columns that earlier operators make', async () => {
    const operators = [
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'select', columns: ['time', 'symbol', 'mid'] },
      { use: 'filter', where: 'bid > 0' },
    ];
    const problems = await specProblems({ ...SOUND, operators });
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
    expect(await specProblems(spec)).toEqual([
      'operators.1.late: expected "deadLetter.path" in the spec, or "lateColumn", since "keep" must record late rows',
    ]);
    expect(await specProblems({ ...spec, deadLetter: { path: 'rejected.jsonl' } })).toEqual([]);
  });

  it('with a wrong option in its source still has its later stages followed', async () => {
    const problems = await specProblems({
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
    expect(await specProblems({ ...SOUND, source })).toEqual([
      'source.path: expected the path of a file, a glob, or a list of them, found an empty list',
    ]);
  });

  it('that is too large to be looked through is refused for that alone', async () => {
    const list = Array(1_000).fill(Array(1_000).fill(0));
    let deep: unknown = 0;
    for (let level = 0; level < 10_000; level++) deep = [deep];
    const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key${i}`, i]));
    const round: unknown[] = [];
    round.push(round);
    const text = 'x'.repeat(70_000);
    for (const [options, problem] of [
      [{ list }, '(root): expected at most 100000 values in all, found more'],
      [{ keys }, 'source.keys: expected at most 10000 keys in a mapping, found 20000'],
      [{ deep }, 'source: expected at most 100 lists and mappings inside one another, found more'],
      [{ round }, 'source: expected at most 100 lists and mappings inside one another, found more'],
      [{ text }, 'source.text: expected at most 65536 characters, found 70000'],
      [{ [text]: 1 }, expect.stringMatching(/^source\.x{79}…: expected keys of at most 1024 characters/)],
    ] as const) {
      const source = { use: 'synthetic', ...options };
      const problems = await specProblems({ ...SOUND, source });
      expect(problems.map((line) => line.replace(/^:/, '(root):'))).toEqual([problem]);
    }
  });

  it('with more problems than anybody reads has a hundred of them kept, and the others counted', async () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => [`key${i}`, 1]);
    const error = await resolveSpec({ ...SOUND, ...Object.fromEntries(keys) }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidSpecError);
    expect(error.problems).toHaveLength(100);
    expect(error.problemsLeftOut).toBe(4_900);
    expect(error.message.split('\n')).toHaveLength(22);
    expect(error.message).toMatch(/\n {2}- … and 4980 more$/);
  });

  it.each([
    ['*a*a*a*a*b', 'path: expected a glob with at most 4 "*" and groups in a name, found 5'],
    [['a', '@(*a|*b)*c*d'], 'path.1: expected a glob with at most 4 "*" and groups in a name, found 5'],
    [
      '{a,aa}+b',
      'path: expected a glob that repeats no group in which something repeats or begins alike, found one that does',
    ],
    [
      '(a|aa)+b',
      'path: expected a glob that repeats no group in which something repeats or begins alike, found one that does',
    ],
    [`${'?(a)'.repeat(5)}b`, 'path: expected a glob with at most 4 "*" and groups in a name, found 5'],
    [
      '{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}b',
      'path: expected a glob with at most 4 "*" and groups in a name, found 5',
    ],
    [
      '@(a|aa)@(a|aa)(a|aa)(a|aa)@(a|aa)b',
      'path: expected a glob with at most 4 "*" and groups in a name, found 5',
    ],
    [
      '(a+)+b',
      'path: expected a glob that repeats no group in which something repeats or begins alike, found one that does',
    ],
    [
      '*(a|b|@(a|b|*(a)))c',
      'path: expected a glob that repeats no group in which something repeats or begins alike, found one that does',
    ],
    [
      '+(*a)b',
      'path: expected a glob that repeats no group in which something repeats or begins alike, found one that does',
    ],
    ['**/a/**/b/**/c/**/d/**/e', 'path: expected a glob with at most 4 "**", found 5'],
    ['a'.repeat(5_000), 'path: expected at most 4096 characters, found 5000'],
    [Array.from({ length: 101 }, (_, i) => `${i}*`), 'path: expected at most 100 globs, found 101'],
  ])('takes no glob that may take minutes to match (%#)', async (path, problem) => {
    const source = { use: 'replay', kind: 'custom', path, columns: { a: 'a' } };
    // A name that takes a matcher of regular expressions all ways to divide it.
    const sink = { use: 'csv', path: `${'a'.repeat(200)}.csv` };
    expect(await specProblems({ ...SOUND, source, sink })).toEqual([`source.${problem}`]);
  });

  it('does not echo texts, which may be secrets', async () => {
    const problems = await specProblems({ ...SOUND, source: { use: 'synthetic', rows: 'hunter2' } });
    expect(problems.join()).not.toContain('hunter2');
  });

  it('of any shape is refused with problems, never with another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (spec) => {
        expect((await specProblems(spec)).length).toBeGreaterThan(0);
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
