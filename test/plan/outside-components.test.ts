import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { InvalidSpecError } from '../../src/core/errors.js';
import { checkpointFor } from '../../src/plan/fit-checkpoint.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { loadCatalogue } from '../../src/plan/load-catalogue.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import { catalogueJsonSchema, factsOf } from '../../src/plan/spec-json-schema.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { secretsOfSpec } from '../../src/wire/stages-of-spec.js';
import { askedHere } from '../support/asked-here.js';
import { writeModule } from '../support/module-file.js';

const MODULE = 'test/plan/outside/ticker.mjs';
const FILE = resolve(MODULE);
const SPEC = {
  name: 'outside',
  source: { use: 'ticker', from: 5, rows: 3 },
  operators: [{ use: 'scale', by: 10 }],
  batcher: { use: 'pass' },
  sink: { use: 'keep', path: 'out/kept.txt' },
};

function kept(): number[] {
  const global = globalThis as { keptNumbers?: number[] };
  global.keptNumbers ??= [];
  return global.keptNumbers;
}
beforeEach(() => {
  kept().length = 0;
});

async function resolveOutside(spec: object) {
  const { catalogue, problems } = await loadCatalogue([MODULE], askedHere);
  expect(problems).toEqual([]);
  return resolveWithFiles({ ...SPEC, ...spec }, { catalogue, userCode: askedHere });
}

const problemsOf = (spec: object) =>
  resolveOutside(spec).then(
    () => [],
    (error: unknown) => {
      expect(error).toBeInstanceOf(InvalidSpecError);
      return (error as InvalidSpecError).problems;
    },
  );

const pipelineOf = (spec: ResolvedSpec, checkpoint?: Checkpoint) =>
  instantiate(spec, {
    clock: systemClock,
    log: silentLogger,
    counters: new Counters(),
    ...(checkpoint && { checkpoint }),
  });

const EMPTY_SCHEMA =
  '{ safeParse: (data) => ({ success: true, data }), toJSONSchema: () => ({ type: "object" }) }';
const component = (fields: string) =>
  `export default { kind: 'sink', name: 'own', summary: 'Own.', options: async () => (${EMPTY_SCHEMA}), ` +
  `load: async () => ({ create() {} }), ${fields} };`;

const withOption = (name: string) =>
  `options: async () => ({ safeParse() {}, toJSONSchema: () => ({ type: 'object', properties: { ${name}: {} } }) })`;

const TWICE = `${component('').replace('export default', 'const one =')} export default [one, one];`;

const catalogueProblems = async (...modules: string[]) => {
  const { problems } = await loadCatalogue(modules, askedHere);
  return problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
};

describe('a component from outside of the package', () => {
  it('is used as source, operator, batcher and sink by its name, its options checked and filled in', async () => {
    const { resolved } = await resolveOutside({});
    expect(resolved.source).toMatchObject({
      use: 'ticker',
      options: { from: 5, rows: 3, pace: 'fast' },
      loads: 'javascript',
      runsUserCode: true,
      file: FILE,
      mayChange: ['pace'],
      outside: { module: MODULE },
    });
    const { outcome } = await (await pipelineOf(resolved)).run();
    expect([outcome, kept()]).toEqual(['completed', [50, 60, 70]]);
  });

  it('has its options refused with their paths, in the words for those of ours', async () => {
    const found = await problemsOf({
      source: { use: 'ticker', from: 0, pace: 'fsat', rowz: 1 },
      operators: [
        { use: 'filter', where: 'number > 0' },
        { use: 'scale', by: 'ten' },
      ],
      batcher: { use: 'pass', maxRows: 1 },
      sink: { use: 'keep', path: 7 },
    });
    expect(found).toEqual([
      { path: ['source', 'from'], message: 'expected 1 or more, found 0' },
      { path: ['source', 'pace'], message: 'expected slow, fast, found "fsat" (did you mean "fast"?)' },
      { path: ['source', 'rowz'], message: 'there is no such option (did you mean "rows"?)' },
      { path: ['operators', 1, 'by'], message: 'expected a factor, found a text' },
      { path: ['batcher', 'maxRows'], message: 'there is no such option' },
      { path: ['sink', 'path'], message: 'expected a text, found 7' },
    ]);
  });

  it('says what a plan has to know of its stage, by its options', async () => {
    const spec = (apart: string, by: number) => ({
      batcher: { use: 'pass', apart },
      sink: { use: 'tee', branches: [{ use: 'null', operators: [{ use: 'scale', by }] }] },
    });
    expect(await problemsOf(spec('number', 2))).toEqual([
      {
        path: ['batcher', 'apart'],
        message: expect.stringContaining(
          'found "number": rows of a symbol would come to sink.branches[0].operators[0]',
        ),
      },
    ]);
    expect(await problemsOf(spec('number', 0.5))).toEqual([]);
    expect(await problemsOf(spec('symbol', 2))).toEqual([]);
  });

  it('is planned with the columns that come in, and says which come out', async () => {
    expect(
      await problemsOf({
        operators: [{ use: 'filter', where: 'nubmer > 0' }],
        sink: { use: 'keep', asTable: true },
      }),
    ).toMatchObject([
      { path: ['operators', 0, 'where'], message: expect.stringContaining('did you mean "number"?') },
      { path: ['sink', 'asTable'], message: 'expected one column' },
    ]);
    expect((await problemsOf({ operators: [{ use: 'sclae' }] }))[0]?.message).toContain(
      'name of an operator (',
    );
    expect(await problemsOf({ source: { use: 'synthetic', rows: 1 } })).toMatchObject([
      { path: ['operators', 0], message: 'expected a column "number"' },
    ]);
  });

  it('is refused where its schema makes of an option what is no plain data', async () => {
    expect(await problemsOf({ source: { use: 'ticker', since: '2024-01-01' } })).toMatchObject([
      { path: ['source', 'since'], message: expect.stringMatching(/plain data .* found an object of Date$/) },
    ]);
  });

  it('is named where a name is misspelt; without any, the message says where to name its module', async () => {
    expect((await problemsOf({ source: { use: 'tikcer' } }))[0]).toEqual({
      path: ['source', 'use'],
      message:
        'expected the name of a source (duckdb, merge, postgres, replay, router, synthetic, topic, binance-spot, binance-usdm, binance-usdm-agg, ' +
        'ticker), found "tikcer" (did you mean "ticker"?)',
    });
    const bare = resolveWithFiles({ ...SPEC }, { userCode: askedHere });
    await expect(bare).rejects.toThrow(
      'found "ticker"; for a component of your own, name its module in "components" of the settings',
    );
  });

  it('has its files compared with those of other stages', async () => {
    const found = await problemsOf({
      source: { use: 'ticker', log: 'out/kept.txt' },
      deadLetter: { path: 'out/kept.txt' },
    });
    expect(found.map(({ path }) => path.join('.'))).toContain('deadLetter.path');
    const { files } = await resolveOutside({ source: { use: 'ticker', log: 'out/log.txt' } });
    expect(files?.writes.map(({ path, at }) => [path, at])).toEqual([['out/kept.txt', ['sink', 'path']]]);
  });

  it('has its secret options hidden in what it says of a spec, and sent along with the spec', async () => {
    const source = { use: 'ticker', login: { key: 'planted words' } };
    const { resolved } = await resolveOutside({ source });
    expect(secretsOfSpec(resolved)).toEqual(['planted words']);
    const [problem] = await problemsOf({ source: { ...source, from: 950 } });
    expect(problem).toEqual({ path: ['source', 'from'], message: 'expected less with [redacted]' });
  });

  it('goes on from a checkpoint, with another value of an option that may change', async () => {
    const rows = { use: 'ticker', from: 1, rows: 6 };
    const { resolved } = await resolveOutside({ source: rows, batchRows: 2 });
    const first = await pipelineOf(resolved);
    const running = first.run();
    const checkpoint = await first.checkpoint();
    await first.stop();
    await running;
    const before = [...kept()];
    kept().length = 0;

    const { resolved: changed } = await resolveOutside({ source: { ...rows, pace: 'slow' }, batchRows: 2 });
    const { outcome } = await (await pipelineOf(changed, checkpoint)).run();
    expect(outcome).toBe('completed');
    const at = checkpoint.states.source as number;
    expect([...before.slice(0, at), ...kept()]).toEqual([10, 20, 30, 40, 50, 60]);

    const { resolved: other } = await resolveOutside({ source: { ...rows, from: 2 }, batchRows: 2 });
    expect(() => checkpointFor({ spec: fingerprintOf(resolved) }, other)).toThrow('source.from differs');
    const seeded = { ...resolved, seed: 7 };
    expect(() => checkpointFor({ spec: fingerprintOf(resolved) }, seeded)).toThrow('seed differs');
  });
});

describe('a module of components', () => {
  it('is told of with summary, options and where it is from, beside those of ours', async () => {
    const { catalogue } = await loadCatalogue([MODULE], askedHere);
    const all = await factsOf(catalogue);
    expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining(['replay', 'parquet', 'ticker']));
    expect(all.find(({ name }) => name === 'ticker')).toMatchObject({
      kind: 'source',
      summary: 'Counts.',
      loads: 'javascript',
      module: MODULE,
      options: { properties: { from: { default: 1, minimum: 1 }, login: { type: 'object' } } },
    });
    const schema = JSON.stringify(await catalogueJsonSchema(catalogue));
    for (const { name } of all) expect(schema).toContain(`{"const":"${name}"}`);
  });

  it('has in the schema of a spec what its options refer to, be it the options as a whole', async () => {
    const options =
      'options: async () => ({ safeParse() {}, toJSONSchema: () => ({ type: "object", properties: { more: { $ref: "#" }, ' +
      'one: { $ref: "#/$defs/one" } }, required: ["one"], $defs: { one: { items: { $ref: "#" } } } }) })';
    const { catalogue } = await loadCatalogue([writeModule(component(options))], askedHere);
    const { properties } = (await catalogueJsonSchema(catalogue)) as {
      properties: { sink: { oneOf: Record<string, unknown>[] } };
    };
    expect(properties.sink.oneOf.at(-1)).toMatchObject({
      $id: 'urn:tickloom:sink:own',
      properties: {
        use: { const: 'own' },
        more: { $ref: '#/$defs/its-options' },
        one: { $ref: '#/$defs/one' },
      },
      required: ['use', 'one'],
      $defs: {
        one: { items: { $ref: '#/$defs/its-options' } },
        'its-options': { properties: { more: { $ref: '#/$defs/its-options' } }, required: ['one'] },
      },
    });
  });

  it('is refused where a name is that of one of ours, or of another module, both named', async () => {
    const ours = writeModule(component("name: 'parquet'"));
    expect(await catalogueProblems(ours)).toEqual([
      `components.0: module "${ours}" declares the sink "parquet", and this package has one of that name: rename or leave out one of them`,
    ]);
    const [one, two] = [writeModule(component('')), writeModule(component(''))];
    expect(await catalogueProblems(one, two)).toEqual([
      `components.1: module "${two}" declares the sink "own", and module "${one}" has one of that name: rename or leave out one of them`,
    ]);
  });

  it('that is listed twice is told so once, whatever it declares', async () => {
    const path = writeModule(
      `${component('').replace('export default', 'const one =')} export default [one, { ...one, name: 'two' }];`,
    );
    expect(await catalogueProblems(path, path)).toEqual([
      `components.1: module "${path}" is listed before as "${path}": leave out one of them`,
    ]);
  });

  it.each([
    ['is not there', undefined, 'expected a file at'],
    ['fails', "throw new Error('broken at the root');", 'it failed while it was loaded: broken at the root'],
    ['exports nothing', 'export const one = 1;', 'expected its default export to be a component'],
    [
      'exports what is none',
      'export default [7];',
      'Expected a component, as defineComponent returns it, found 7',
    ],
    ['has two of one name', TWICE, 'There is a sink "own" already'],
    [
      'has two operators of one name',
      TWICE.replace("'sink'", "'operator'"),
      'There is an operator "own" already',
    ],
    ['has an option "use"', component(withOption('use')), 'an option "use"'],
    ['has an option "name"', component(withOption('name')), 'an option "name"'],
    [
      'has an option "budget" of a source',
      component(`kind: 'source', ${withOption('budget')}`),
      'an option "budget"',
    ],
    ['loads something odd', component("loads: 'wat'"), 'expected "loads" to be one of'],
    ['lets something odd change', component('mayChange: [1]'), 'expected "mayChange" to be a list'],
    ['has no schema', component('options: async () => ({})'), 'expected "options" to give a schema of Zod 4'],
    ['fails in its schema', component("options: () => { throw new Error('no schema'); }"), 'no schema'],
    [
      'has a schema that is none',
      component('options: async () => ({ safeParse() {}, toJSONSchema: () => ({ anyOf: 7 }) })'),
      'an odd "anyOf"',
    ],
  ])('that %s is refused by its place in the settings', async (_what, text, expected) => {
    const path = text === undefined ? join(tmpdir(), 'tickloom-none.mjs') : writeModule(text);
    const [found, ...more] = await catalogueProblems(path);
    expect(more).toEqual([]);
    expect(found).toMatch(/^components\.0: module "/);
    expect(found).toContain(expected);
  });

  it('may be CommonJS', async () => {
    const text = component('').replace('export default', 'module.exports =');
    expect(await catalogueProblems(writeModule(text, 'component.cjs'))).toEqual([]);
  });
});
