import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatPath, InvalidSpecError } from '../../src/core/errors.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { checkpointFor } from '../../src/plan/fit-checkpoint.js';
import { loadCatalogue } from '../../src/plan/load-catalogue.js';
import { findFilesAgain, resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import { catalogueJsonSchema } from '../../src/plan/spec-json-schema.js';
import { builtIn } from '../../src/registry/built-in.js';
import { placesOf } from '../../src/wire/stage-tree.js';
import { needsResilience, secretsOfSpec, stagesOf } from '../../src/wire/stages-of-spec.js';
import { pendingStart, StartStep } from '../../src/wire/start-step.js';
import { askedHere } from '../support/asked-here.js';
import { branchedStages } from '../support/branched-stages.js';
import { nestedStages } from '../support/nested-stages.js';

const told: string[] = [];
const registry = builtIn.with([...nestedStages(), ...branchedStages(told)]);
const catalogue = new Catalogue(registry);
const NULL = { use: 'null' };

function resolve(fork: object, rest: object = {}) {
  told.length = 0;
  const spec = { name: 'tree', source: { use: 'counting' }, sink: { use: 'fork', ...fork }, ...rest };
  return resolveWithFiles(spec, { catalogue, userCode: askedHere });
}

const problemsOf = (fork: object, rest: object = {}) =>
  resolve(fork, rest).then(
    () => [],
    (error: unknown) => {
      expect(error).toBeInstanceOf(InvalidSpecError);
      const { problems } = error as InvalidSpecError;
      return problems.map(({ path, message }) => `${formatPath(path)}: ${message}`);
    },
  );

describe('a branch of a sink', () => {
  it('is taken out of its options, but for the keys that are for the sink itself', async () => {
    const { resolved } = await resolve({
      copies: [NULL],
      routes: { large: { when: 'n', use: 'filed', path: 'a.csv', name: 'big' } },
      otherwise: NULL,
    });
    const { options, branches } = resolved.sink;
    expect(options).toEqual({ copies: [], routes: { large: { when: 'n' } }, deadlineMs: 1_000 });
    expect(Object.keys(branches!)).toEqual(['copies[0]', 'routes.large', 'otherwise']);
    expect(branches!['routes.large']).toMatchObject({
      at: ['routes', 'large'],
      operators: [],
      batcher: { use: 'smart' },
      sink: { use: 'filed', name: 'big', options: { path: 'a.csv', pace: 1 } },
    });
  });

  it('is in the order of the options of its sink, whatever the order in which they are written', async () => {
    const route = { ...NULL, when: 'n' };
    const { resolved } = await resolve({ otherwise: NULL, routes: { b: route, a: route }, copies: [NULL] });
    expect(Object.keys(resolved.sink.branches!)).toEqual(['copies[0]', 'routes.b', 'routes.a', 'otherwise']);
  });

  it('has operators, a batcher and a queue of its own, with their defaults filled in', async () => {
    const { resolved } = await resolve({
      copies: [
        {
          ...NULL,
          operators: [{ use: 'running' }],
          batcher: { maxRows: 7 },
          queue: { batches: 8, overflow: { custom: 'fail' } },
        },
        NULL,
      ],
    });
    const [first, second] = Object.values(resolved.sink.branches!);
    expect(first).toMatchObject({
      operators: [{ use: 'running', options: { times: 1 } }],
      batcher: { use: 'smart', options: { maxRows: 7 } },
      queue: { batches: 8, overflow: { custom: 'fail' } },
    });
    expect(second!.queue).toMatchObject({ overflow: 'block', rows: expect.any(Number) });
  });

  it('has its place in the spec as its id, however deep it is', async () => {
    const inner = { use: 'fork', copies: [NULL], otherwise: { ...NULL, operators: [{ use: 'running' }] } };
    const { resolved } = await resolve({ copies: [NULL, inner] });
    const ids = placesOf(resolved).map(({ id }) => id);
    expect(ids.slice(ids.indexOf('sink'))).toEqual([
      'sink',
      'sink.copies[0].batcher',
      'sink.copies[0]',
      'sink.copies[1].batcher',
      'sink.copies[1]',
      'sink.copies[1].copies[0].batcher',
      'sink.copies[1].copies[0]',
      'sink.copies[1].otherwise.operators[0]',
      'sink.copies[1].otherwise.batcher',
      'sink.copies[1].otherwise',
    ]);
    const step = StartStep.opening(ids.indexOf('sink.copies[1].otherwise.operators[0]'));
    expect(pendingStart(step, resolved)).toEqual({
      text: 'sink.copies[1].otherwise.operators[0] ("running") was still opening',
      stage: 'sink.copies[1].otherwise.operators[0]',
    });
  });

  it.each<[string, object, string]>([
    ['no sink', { path: 'x' }, 'sink.copies[0].use: expected the name of a component, found nothing'],
    ['no mapping', 'null' as never, 'sink.copies[0]: expected a mapping, found a text'],
    ['another sink', { use: 'nul' }, 'sink.copies[0].use: expected the name of a sink'],
    ['an option of its sink', { use: 'null', rows: 1 }, 'sink.copies[0].rows: there is no such option'],
    ['its name', { ...NULL, name: 'a b' }, 'sink.copies[0].name: expected 1 to 100 letters'],
    ['its operators', { ...NULL, operators: {} }, 'sink.copies[0].operators: expected a list of operators'],
    [
      'an operator',
      { ...NULL, operators: [{ use: 'running', times: 'x' }] },
      'sink.copies[0].operators[0].times: expected a whole number, found a text',
    ],
    [
      'the name of an operator',
      { ...NULL, operators: [{ use: 'runing' }] },
      'sink.copies[0].operators[0].use: expected the name of an operator',
    ],
    ['its batcher', { ...NULL, batcher: 7 }, 'sink.copies[0].batcher: expected a mapping, found 7'],
    [
      'an option of its batcher',
      { ...NULL, batcher: { maxRows: 0 } },
      'sink.copies[0].batcher.maxRows: expected',
    ],
    [
      'the name of its batcher',
      { ...NULL, batcher: { use: 'smrt' } },
      'sink.copies[0].batcher.use: expected the name of a batcher',
    ],
    ['its queue', { ...NULL, queue: { batches: 0 } }, 'sink.copies[0].queue.batches: expected 1 to 65536'],
    ['its policy', { ...NULL, queue: { overflow: 'drop' } }, 'sink.copies[0].queue.overflow: expected block'],
    [
      'a policy for rows without a symbol',
      { ...NULL, queue: { overflow: 'conflate' } },
      'sink.copies[0].queue.overflow: expected another policy than conflate, which keeps the last row of each ' +
        'symbol: there is no column "symbol" among n',
    ],
    [
      'the same by kind of row',
      { ...NULL, queue: { overflow: { custom: 'conflate' } } },
      'sink.copies[0].queue.overflow.custom: expected another policy',
    ],
  ])('has what is wrong with %s named by its path', async (_title, branch, problem) => {
    const found = await problemsOf({ copies: [branch] });
    expect(found).toEqual([expect.stringContaining(problem)]);
  });

  it('has a key for the sink itself that is wrong named by its path', async () => {
    expect(await problemsOf({ routes: { large: { ...NULL } } })).toEqual([
      'sink.routes.large.when: expected a condition as text, found nothing',
    ]);
    expect(await problemsOf({ routes: { large: { ...NULL, when: 'size' } } })).toEqual([
      'sink.routes.large.when: expected a column, found "size"',
    ]);
  });

  it('is planned with the columns that reach the sink, and its sink with those behind its operators', async () => {
    const select = { use: 'derive', columns: { twice: 'n * 2' } };
    const { outputs } = await resolve({
      copies: [
        { use: 'filed', path: 'a' },
        { use: 'filed', path: 'b', operators: [select] },
      ],
    });
    expect(told).toEqual(['filed n', 'filed n twice', expect.stringMatching(/^plan/)]);
    expect(outputs.get('sink.copies[1].operators[0]')?.columns.map(({ name }) => name)).toEqual([
      'n',
      'twice',
    ]);
    const wrong = { ...NULL, operators: [{ use: 'derive', columns: { twice: 'm * 2' } }] };
    expect(await problemsOf({ copies: [NULL, wrong] })).toEqual([
      expect.stringContaining('sink.copies[1].operators[0].columns.twice'),
    ]);
  });

  it('goes only so deep', async () => {
    let deep: object = NULL;
    for (let i = 0; i < 10; i++) deep = { use: 'fork', copies: [deep] };
    expect(await problemsOf({ copies: [deep] })).toEqual([
      expect.stringContaining('expected at most 8 stages inside one another'),
    ]);
  });

  it('is refused where one mapping stands at very many places', async () => {
    let wide: object = NULL;
    for (let i = 0; i < 4; i++) wide = { use: 'fork', copies: Array(11).fill(wide) };
    const found = await problemsOf({ copies: [wide] });
    expect(found.filter((one) => one.includes('expected at most 2000 stages in a spec'))).toHaveLength(1);
  });

  it('has names that are given once in the spec', async () => {
    const named = { ...NULL, name: 'a' };
    expect(
      await problemsOf({ copies: [named, { ...NULL, operators: [{ use: 'running', name: 'a' }] }] }),
    ).toEqual([
      'sink.copies[1].operators[0].name: expected another name than that of sink.copies[0], found "a"',
    ]);
  });

  it('has its secrets hidden, and tells what it loads and what it needs', async () => {
    const zip = { use: 'zip', with: { use: 'counting', key: 'other words' } };
    const { resolved } = await resolve({
      otherwise: { use: 'filed', path: 'a', key: 'planted words', pace: 2, operators: [zip] },
    });
    expect(secretsOfSpec(resolved)).toEqual(['other words', 'planted words']);
    expect(stagesOf(resolved).map(({ loads }) => loads)).toContain('native');
    expect(needsResilience(resolved)).toBe(false);
    const gated = { use: 'zip', with: { use: 'counting', budget: { provider: 'x' } } };
    expect(await problemsOf({ otherwise: { ...NULL, operators: [gated] } })).toEqual([
      expect.stringContaining('sink.otherwise.operators[0].with.budget: no budgets'),
    ]);
  });

  it('may be code of users, whose file is found, and found again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'own.mjs');
    writeFileSync(
      path,
      'export default { plan: (options, input) => input, create: () => ({ process() {} }) };',
    );
    const fork = { copies: [{ ...NULL, operators: [{ use: 'module', path }] }] };
    const { resolved } = await resolve(fork);
    expect(stagesOf(resolved).find(({ use }) => use === 'module')).toMatchObject({
      runsUserCode: true,
      file: expect.stringContaining('own.mjs'),
    });
    rmSync(path);
    const problem = 'sink.copies[0].operators[0].path: module';
    expect((await problemsOf(fork))[0]).toContain(problem);
    await expect(findFilesAgain(resolved, askedHere)).rejects.toThrow(problem);
  });
});

describe('the files of branches', () => {
  it('are those of all of their sinks, each a path of its own', async () => {
    const filed = { use: 'filed', path: 'out/a.csv' };
    const { files } = await resolve({ copies: [filed, { use: 'filed', path: 'out/b.csv' }] });
    expect(files!.writes.map(({ at }) => formatPath(at))).toEqual([
      'sink.copies[0].path',
      'sink.copies[1].path',
    ]);
    expect(await problemsOf({ copies: [filed, NULL, { use: 'fork', otherwise: filed }] })).toEqual([
      'sink.copies[2].otherwise.path: expected a path of its own, found "out/a.csv", where sink.copies[0].path ' +
        'writes; choose another path',
    ]);
  });

  it('are compared with what is read, in branches too', async () => {
    const copies = [{ use: 'filed', path: 'out/a.csv' }];
    const source = { use: 'counting', path: 'out/a.csv' };
    expect(await problemsOf({ copies }, { source })).toEqual([
      expect.stringContaining('source.path: expected input'),
    ]);
    const reading = { ...NULL, operators: [{ use: 'zip', with: source }] };
    expect(await problemsOf({ copies: [...copies, reading] })).toEqual([
      expect.stringContaining('sink.copies[1].operators[0].with.path: expected input that nothing writes to'),
    ]);
  });
});

describe('the JSON Schema of a spec', () => {
  type Node = { readonly [key: string]: Node | undefined } & {
    readonly $ref?: string;
    readonly title?: string;
  };
  const schema = async () => (await catalogueJsonSchema(catalogue)) as unknown as Node;
  const titled = (list: Node | undefined, title: string) =>
    (list as unknown as readonly Node[]).find((one) => one.title === title)!;

  it('has branches by reference: every sink with the keys of a branch', async () => {
    const { properties, $defs } = await schema();
    const fork = titled(properties!.sink!.oneOf, 'fork').properties!;
    expect(fork.copies!.items).toEqual({ $ref: '#/$defs/branch' });
    expect(fork.otherwise).toEqual({ $ref: '#/$defs/branch' });
    const branch = $defs!.branch!.oneOf as unknown as readonly Node[];
    const sinks = properties!.sink!.oneOf as unknown as readonly Node[];
    expect(branch.map(({ title }) => title)).toEqual(sinks.map(({ title }) => title));
    expect(titled($defs!.branch!.oneOf, 'csv').properties).toMatchObject({
      use: { const: 'csv' },
      path: expect.anything(),
      operators: { type: 'array', items: { $ref: '#/$defs/operator' } },
      batcher: { $ref: '#/properties/batcher' },
      queue: { properties: { overflow: expect.anything() }, additionalProperties: false },
    });
    expect(titled($defs!.branch!.oneOf, 'csv').properties!.when).toBeUndefined();
    expect(titled(properties!.sink!.oneOf, 'csv').properties!.queue).toBeUndefined();
  });

  it('has the keys for the sink itself in its branches, as required as they are', async () => {
    const { properties, $defs } = await schema();
    const { $ref } = titled(properties!.sink!.oneOf, 'fork').properties!.routes!.additionalProperties!;
    expect($ref).toMatch(/^#\/\$defs\/branch-when/);
    expect(titled($defs![$ref!.slice('#/$defs/'.length)]!.oneOf, 'filed')).toMatchObject({
      properties: { when: { type: 'string' }, path: { type: 'string' } },
      required: ['use', 'path', 'when'],
    });
  });

  it('leads every reference to something', async () => {
    const whole = await schema();
    const refs = [...JSON.stringify(whole).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    for (const path of new Set(refs)) {
      const found = path.split('/').reduce<Node | undefined>((node, key) => node?.[key], whole);
      expect(found, path).toBeDefined();
    }
    expect(refs.length).toBeGreaterThan(10);
    expect(JSON.stringify(whole)).not.toContain('x-branch');
  });
});

describe('a component from outside with branches', () => {
  const MODULES = ['test/plan/outside/ticker.mjs', 'test/plan/outside/tree.mjs'];

  const resolveOutside = async (sink: object) => {
    const { catalogue: outside, problems } = await loadCatalogue(MODULES, askedHere);
    expect(problems).toEqual([]);
    const spec = { name: 'o', source: { use: 'ticker', rows: 3 }, sink: { use: 'spread', ...sink } };
    return resolveWithFiles(spec, { catalogue: outside, userCode: askedHere });
  };
  const problemsOutside = (sink: object) =>
    resolveOutside(sink).then(
      () => [],
      (error: unknown) =>
        (error as InvalidSpecError).problems.map(({ path, message }) => `${formatPath(path)}: ${message}`),
    );

  it('is told its own keys, but not the options of another component', async () => {
    const saw: unknown[] = [];
    const global = globalThis as { spreadSaw?: unknown[] };
    global.spreadSaw = saw;
    onTestFinished(() => {
      delete global.spreadSaw;
    });
    const { resolved } = await resolveOutside({
      to: { one: { share: 0.5, use: 'csv', path: 'out/a.csv', operators: [{ use: 'scale', by: 10 }] } },
      rest: { use: 'null', queue: { batches: 2 } },
    });
    expect(saw).toEqual([{ to: { one: { share: 0.5 } } }]);
    expect(resolved.sink.options).toEqual({ to: { one: { share: 0.5 } } });
    expect(resolved.sink.branches).toMatchObject({
      'to.one': { sink: { use: 'csv' }, operators: [{ use: 'scale', options: { by: 10 } }] },
      rest: { sink: { use: 'null' }, queue: { batches: 2 } },
    });
  });

  it('has what is wrong with it named by its path', async () => {
    const one = { share: 2, use: 'null' };
    expect(await problemsOutside({ to: { one } })).toEqual([
      'sink.to.one.share: expected at most 1, found 2',
    ]);
    const wrong = { use: 'null', batcher: 1, queue: { rows: 0 } };
    expect(await problemsOutside({ to: {}, rest: wrong })).toEqual([
      'sink.rest.batcher: expected a mapping, found 1',
      'sink.rest.queue.rows: expected 1 to 100000000 rows, found 0',
    ]);
  });
});

describe('a checkpoint of a spec with branches', () => {
  const FILED = { use: 'filed', path: 'a', operators: [{ use: 'running' }] };
  const FORK = {
    copies: [FILED],
    routes: { large: { ...NULL, when: 'n' }, small: { ...NULL, when: 'n' } },
  };

  async function differing(changed: object, from: object = FORK): Promise<string> {
    const rest = { operators: [{ use: 'derive', columns: { twice: 'n * 2' } }] };
    const taken = fingerprintOf((await resolve(from, rest)).resolved);
    const { resolved } = await resolve(changed, rest);
    try {
      checkpointFor({ spec: taken }, resolved);
    } catch (error) {
      return (
        /another spec than "tree": (.+?) differs?\./.exec((error as Error).message)?.[1] ?? String(error)
      );
    }
    return 'nothing';
  }

  it.each<[string, object]>([
    ['sink.copies[0].path', { copies: [{ ...FILED, path: 'b' }] }],
    [
      'sink.copies[0].operators[0].times',
      { copies: [{ ...FILED, operators: [{ use: 'running', times: 2 }] }] },
    ],
    ['sink.(branches), sink.copies[1].use', { copies: [FILED, NULL] }],
    ['"new".use, sink.(branches)', { copies: [FILED, { ...NULL, name: 'new' }] }],
    [
      'sink.(branches), sink.copies[0].operators[0].times, sink.copies[0].operators[0].use, ' +
        'sink.copies[0].path, sink.copies[0].use',
      { copies: [] },
    ],
    ['sink.routes.large.when', { routes: { large: { ...NULL, when: 'twice' }, small: FORK.routes.small } }],
    ['sink.(branches)', { routes: { small: FORK.routes.small, large: FORK.routes.large } }],
  ])('is refused where the spec differs in %s', async (path, change) => {
    expect(await differing({ ...FORK, ...change })).toBe(path);
  });

  it.each<[string, object]>([
    ['a queue', { copies: [{ ...FILED, queue: { batches: 2, overflow: 'fail' } }] }],
    ['a batcher', { copies: [{ ...FILED, batcher: { maxRows: 9 } }] }],
    ['an option that may change', { copies: [{ ...FILED, pace: 5 }], deadlineMs: 7 }],
    [
      'an operator with a name more',
      { copies: [{ ...FILED, operators: [{ use: 'running' }, { use: 'splitting', name: 'new' }] }] },
    ],
    [
      'an operator more behind the others',
      { copies: [{ ...FILED, operators: [{ use: 'running' }, { use: 'splitting' }] }] },
    ],
  ])('is accepted with %s changed', async (_title, change) => {
    expect(await differing({ ...FORK, ...change })).toBe('nothing');
  });

  it('is refused with what to do where a branch is new, since that would lack the rows so far', async () => {
    const taken = fingerprintOf((await resolve(FORK)).resolved);
    const inside = { use: 'fork', name: 'more', copies: [NULL, NULL] };
    const { resolved } = await resolve({ ...FORK, copies: [FILED, inside], otherwise: NULL });
    expect(() => checkpointFor({ spec: taken }, resolved)).toThrow(
      'The branches "more", sink.otherwise are new and would lack the rows before the checkpoint: drain the run ' +
        'with the spec that it has and start the new one afterwards, or let another job write these rows',
    );
    const { resolved: other } = await resolve({ ...FORK, deadlineMs: 5, copies: [{ ...FILED, path: 'b' }] });
    expect(() => checkpointFor({ spec: taken }, other)).toThrow(/without the checkpoint$/);
  });

  it('goes by the names of branches, for all that is inside them', async () => {
    const inside = {
      use: 'fork',
      copies: [{ ...FILED, path: 'b', operators: [{ use: 'running', times: 3 }] }],
    };
    const [first, second] = [
      { ...FILED, name: 'first' },
      { ...inside, name: 'second' },
    ];
    expect(await differing({ copies: [second, first] }, { copies: [first, second] })).toBe('nothing');
    const more = { ...first, operators: [{ use: 'splitting' }, { use: 'running' }] };
    expect(await differing({ copies: [more, second] }, { copies: [first, second] })).toBe(
      '"first".operators[0].times, "first".operators[0].use',
    );
  });
});
