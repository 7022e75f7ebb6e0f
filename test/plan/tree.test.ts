import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { formatPath, InvalidSpecError } from '../../src/core/errors.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { explainSpec } from '../../src/plan/explain-spec.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { loadCatalogue } from '../../src/plan/load-catalogue.js';
import { findFilesAgain, resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import { catalogueJsonSchema } from '../../src/plan/spec-json-schema.js';
import { builtIn } from '../../src/registry/built-in.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { placesOf, titleOf } from '../../src/wire/stage-tree.js';
import { secretsOfSpec, stagesOf } from '../../src/wire/stages-of-spec.js';
import { pendingStart, StartStep } from '../../src/wire/start-step.js';
import { askedHere } from '../support/asked-here.js';
import { nestedStages } from '../support/nested-stages.js';

const registry = builtIn.with(nestedStages());
const catalogue = new Catalogue(registry);
const SIDE = { use: 'counting', from: 100 };
const ZIP = { use: 'zip', with: SIDE };
const SPEC = { name: 'tree', source: { use: 'counting' }, sink: { use: 'null' } };

const resolve = (spec: object) => resolveWithFiles({ ...SPEC, ...spec }, { catalogue, userCode: askedHere });

const problemsOf = (spec: object, of = resolve) =>
  of(spec).then(
    () => [],
    (error: unknown) => {
      expect(error).toBeInstanceOf(InvalidSpecError);
      return (error as InvalidSpecError).problems.map(
        ({ path, message }) => `${formatPath(path)}: ${message}`,
      );
    },
  );

describe('a stage inside a stage', () => {
  it('is taken out of the options of the one that reads it', async () => {
    const { resolved } = await resolve({
      operators: [{ ...ZIP, operators: [{ use: 'running', times: 2 }], scale: 5 }],
    });
    const [zip] = resolved.operators;
    expect(zip!.options).toEqual({ scale: 5 });
    expect(zip!.inputs!.with).toMatchObject({
      source: { use: 'counting', options: { from: 100, rows: 10 } },
      operators: [{ use: 'running', options: { times: 2 } }],
    });
  });

  it('has its place in the spec as its id, as it is written', async () => {
    const { resolved } = await resolve({
      source: {
        use: 'turns',
        name: 'both',
        sources: [SIDE, { ...SIDE, operators: [{ use: 'running' }] }],
      },
      operators: [{ ...ZIP, operators: [{ use: 'splitting' }, { ...ZIP, with: { ...SIDE, name: 'deep' } }] }],
    });
    expect(placesOf(resolved).map(({ id, key }) => (id === key ? id : `${id} = ${key}`))).toEqual([
      'source',
      'source.sources[0]',
      'source.sources[1]',
      'source.sources[1].operators[0]',
      'operators[0]',
      'operators[0].with',
      'operators[0].operators[0]',
      'operators[0].operators[1]',
      'operators[0].operators[1].with = "deep"',
      'batcher',
      'sink',
    ]);
    expect(titleOf(placesOf(resolved)[8]!)).toBe('Source "counting" (deep, operators[0].operators[1].with)');
    expect(pendingStart(StartStep.opening(8), resolved).text).toBe(
      'operators[0].operators[1].with ("counting", named deep) was still opening',
    );
    expect(pendingStart(StartStep.opening(10), resolved)).toEqual({
      text: 'sink ("null") was still opening',
      stage: 'sink',
    });
  });

  it.each([
    [
      'another component',
      { with: { use: 'countign' } },
      'operators[0].with.use: expected the name of a source',
    ],
    [
      'an option',
      { with: { ...SIDE, from: 'x' } },
      'operators[0].with.from: expected a whole number, found a text',
    ],
    ['no component', { with: {} }, 'operators[0].with.use: expected the name of a component, found nothing'],
    ['no mapping', { with: 'counting' }, 'operators[0].with: expected a mapping, found a text'],
    ['nothing', {}, 'operators[0].with'],
    ['a budget', { with: { ...SIDE, budget: { provider: 'x' } } }, 'operators[0].with.budget: no budgets'],
    [
      'a wrong budget',
      { with: { ...SIDE, budget: 7 } },
      'operators[0].with.budget: expected a mapping, found 7',
    ],
    ['a name', { with: { ...SIDE, name: 'a b' } }, 'operators[0].with.name: expected 1 to 100 letters'],
    [
      'an operator',
      { ...ZIP, operators: [{ use: 'running', times: 'x' }] },
      'operators[0].operators[0].times: exp',
    ],
    [
      'operators in the source',
      { with: { ...SIDE, operators: [] } },
      'operators[0].with.operators: there is no',
    ],
  ])('has what is wrong with %s named by its path', async (_title, options, problem) => {
    const found = await problemsOf({ operators: [{ use: 'zip', ...options }] });
    expect(found.filter((one) => one.startsWith(problem))).toHaveLength(1);
    expect(found).toHaveLength(1);
  });

  it('is planned before the one that reads it, which is told the columns', async () => {
    const select = { use: 'derive', columns: { twice: 'm * 2' } };
    expect(await problemsOf({ operators: [{ ...ZIP, operators: [select] }] })).toEqual([
      expect.stringContaining('operators[0].operators[0].columns.twice'),
    ]);
    const { outputs } = await resolve({ operators: [{ ...ZIP, operators: [{ use: 'running' }] }] });
    expect([...outputs.keys()]).toEqual([
      'source',
      'operators[0].with',
      'operators[0].operators[0]',
      'operators[0]',
    ]);
    const bars = { use: 'synthetic', kind: 'trade' };
    expect(await problemsOf({ operators: [{ use: 'zip', with: bars }] })).toEqual([
      expect.stringContaining('operators[0].with: expected a column "n", found time'),
    ]);
  });

  it('goes only so deep', async () => {
    let deep: object = SIDE;
    for (let i = 0; i < 10; i++) deep = { use: 'turns', sources: [deep] };
    expect(await problemsOf({ source: deep })).toEqual([
      expect.stringContaining('expected at most 8 stages inside one another'),
    ]);
  });

  it('has its secrets hidden, its files compared and its options in the fingerprint', async () => {
    const side = { ...SIDE, key: 'planted words', path: 'out/a.csv', batch: 3 };
    const { resolved, files } = await resolve({ operators: [{ use: 'zip', name: 'zipped', with: side }] });
    expect(secretsOfSpec(resolved)).toEqual(['planted words']);
    const prints = Object.keys(fingerprintOf(resolved)).filter((path) => path.startsWith('"zipped"'));
    expect(prints).toContain('"zipped".with.path');
    expect(prints).not.toContain('"zipped".with.batch'); // that may change
    expect(files).toBeDefined();
    expect(
      await problemsOf({ operators: [{ use: 'zip', with: side }], sink: { use: 'csv', path: 'out' } }),
    ).toEqual([expect.stringContaining('operators[0].with.path')]);
  });

  it('may be code of users, whose file is found, and found again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'own.mjs');
    writeFileSync(
      path,
      'export default { plan: (options, input) => input, create: () => ({ process() {} }) };',
    );
    const operators = [{ ...ZIP, operators: [{ use: 'module', path }] }];
    const { resolved } = await resolve({ operators });
    expect(stagesOf(resolved).find(({ use }) => use === 'module')).toMatchObject({
      runsUserCode: true,
      file: expect.stringContaining('own.mjs'),
    });
    rmSync(path);
    const problem = 'operators[0].operators[0].path: module';
    expect((await problemsOf({ operators }))[0]).toContain(problem);
    await expect(findFilesAgain(resolved, askedHere)).rejects.toThrow(problem);
  });

  it('is in the JSON Schema of a spec, by reference', async () => {
    const schema = (await catalogueJsonSchema(catalogue)) as { $defs: { operator: { oneOf: object[] } } };
    const zip = schema.$defs.operator.oneOf.find((one) => (one as { title?: string }).title === 'zip');
    expect(zip).toMatchObject({
      properties: {
        name: { type: 'string' },
        with: { $ref: '#/$defs/source' },
        operators: { type: 'array', items: { $ref: '#/$defs/operator' } },
      },
    });
  });
});

describe('the name of a stage', () => {
  it('is given once in a spec', async () => {
    const named = { use: 'running', name: 'sum' };
    const operators = [named, { ...ZIP, with: { ...SIDE, name: 'sum' } }];
    expect(await problemsOf({ operators })).toEqual([
      'operators[1].with.name: expected another name than that of operators[0], found "sum"',
    ]);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(101)])('is refused as %j', async (name) => {
    const found = await problemsOf({
      source: { use: 'counting', name },
      operators: [{ use: 'running', name }],
      batcher: { name },
      sink: { use: 'null', name },
    });
    expect(found.filter((one) => one.includes('.name: expected 1 to 100 letters')).length).toBe(4);
  });

  it('of a source or a sink is no part of a checkpoint, since there is one of each', async () => {
    const of = async (spec: object) => fingerprintOf((await resolve(spec)).resolved);
    expect(await of({ source: { use: 'counting', name: 'a' }, sink: { use: 'null', name: 'b' } })).toEqual(
      await of({}),
    );
  });
});

describe('a component from outside with an input', () => {
  const MODULES = ['test/plan/outside/ticker.mjs', 'test/plan/outside/tree.mjs'];
  const BESIDE = { use: 'beside', with: { use: 'ticker', from: 100, login: { key: 'planted words' } } };

  const resolveOutside = async (spec: object) => {
    const { catalogue: outside, problems } = await loadCatalogue(MODULES, askedHere);
    expect(problems).toEqual([]);
    const whole = { name: 'o', source: { use: 'ticker', rows: 3 }, sink: { use: 'keep' }, ...spec };
    return resolveWithFiles(whole, { catalogue: outside, userCode: askedHere });
  };

  it('is told the columns, but not the options of another component', async () => {
    const saw: unknown[] = [];
    const global = globalThis as { besideSaw?: unknown[]; keptNumbers?: number[] };
    global.besideSaw = saw;
    onTestFinished(() => {
      delete global.besideSaw;
    });
    const { resolved } = await resolveOutside({
      operators: [{ ...BESIDE, operators: [{ use: 'scale', by: 10 }] }],
    });
    expect(saw).toEqual([
      { options: { column: 'number' }, inputs: { with: expect.objectContaining({ kind: 'custom' }) } },
    ]);
    expect(resolved.operators[0]).toMatchObject({ options: { column: 'number' } });
    expect(secretsOfSpec(resolved)).toEqual(['planted words']);

    const kept: number[] = [];
    global.keptNumbers = kept;
    const environment = { clock: systemClock, log: silentLogger, counters: new Counters() };
    const report = await (await instantiate(structuredClone(resolved), environment)).run();
    expect(report.error).toBeUndefined();
    expect(kept).toEqual([1_001, 1_012, 1_023]);
  });

  it('has what is wrong with it named by its path', async () => {
    expect(await problemsOf({ operators: [{ ...BESIDE, column: 'numbr' }] }, resolveOutside)).toEqual([
      'operators[0].with: expected a column "numbr"',
    ]);
    expect(await problemsOf({ operators: [{ use: 'beside', with: {} }] }, resolveOutside)).toEqual([
      'operators[0].with.use: expected the name of a component, found nothing',
    ]);
    expect(
      await problemsOf(
        { operators: [{ ...BESIDE, with: { use: 'ticker', from: 0 }, colunm: 'x' }] },
        resolveOutside,
      ),
    ).toEqual([
      'operators[0].with.from: expected 1 or more, found 0',
      'operators[0].colunm: there is no such option (did you mean "column"?)',
    ]);
  });
});

describe('explain', () => {
  it('tells the stages with ids, columns and what sources promise', async () => {
    const { resolved, outputs } = await resolve({ operators: [{ ...ZIP, name: 'zipped' }] });
    expect((await explainSpec(resolved, outputs, registry)).stages).toMatchObject([
      { stage: 'source', use: 'counting', depth: 0, capabilities: { delivery: 'replayable', bounded: true } },
      { stage: 'operators[0]', name: 'zipped', depth: 0, output: { columns: [{ name: 'n' }] } },
      { stage: 'operators[0].with', depth: 1, capabilities: { delivery: 'replayable' } },
      { stage: 'batcher', depth: 0 },
      { stage: 'sink', depth: 0 },
    ]);
  });
});
