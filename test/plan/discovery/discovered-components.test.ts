import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { InvalidSpecError, PipelineError } from '../../../src/core/errors.js';
import { Catalogue } from '../../../src/plan/catalogue.js';
import { DiscoveredComponents } from '../../../src/plan/discovery/discovered-components.js';
import { loadCatalogue } from '../../../src/plan/load-catalogue.js';
import { resolveWithFiles } from '../../../src/plan/resolve-spec.js';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import { ModuleFolders } from '../../../src/plan/user-code/module-folders.js';
import type { UserCode } from '../../../src/plan/user-code/user-code.js';
import { builtIn } from '../../../src/registry/built-in.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import type { DiscoverySettings } from '../../../src/settings/runtime-settings.js';
import { askedHere } from '../../support/asked-here.js';
import { modulesLoaded, operatorModule, projectWith } from './project.js';

beforeEach(() => {
  modulesLoaded();
});

interface Asked {
  readonly use: string;
  readonly specFolder?: string;
  readonly settings?: Partial<DiscoverySettings>;
  readonly userCode?: UserCode;
  readonly components?: readonly string[];
}

/** Checks a spec with one operator. @returns Its problems, or what was found. */
async function check({ use, specFolder, settings, userCode = askedHere, components = [] }: Asked) {
  const discovery = new DiscoveredComponents({ discover: true, ...settings }, userCode);
  const { catalogue, problems } = await loadCatalogue(components, userCode, discovery);
  expect(problems).toEqual([]);
  const spec = {
    name: 'discovering',
    source: { use: 'synthetic', rows: 3 },
    operators: [{ use }],
    sink: { use: 'null' },
  };
  try {
    const { resolved } = await resolveWithFiles(spec, { catalogue, userCode, specFolder });
    return { operator: resolved.operators[0], problems: [] as string[] };
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidSpecError);
    const found = (error as InvalidSpecError).problems;
    return {
      operator: undefined,
      problems: found.map(({ path, message }) => `${path.join('.')}: ${message}`),
    };
  }
}

describe('a component of an installed package', () => {
  it('is used by its name in a spec of the project, and its code is not loaded before', async () => {
    const project = projectWith({ 'wide-spreads': {}, 'other-one': {} });
    mkdirSync(join(project, 'specs'));
    expect((await check({ use: 'filter', specFolder: project })).problems).toHaveLength(1); // an option is missing
    expect(modulesLoaded()).toEqual([]);
    const { operator, problems } = await check({ use: 'wide-spreads', specFolder: join(project, 'specs') });
    expect(problems).toEqual([]);
    expect(operator).toMatchObject({
      use: 'wide-spreads',
      file: join(project, 'node_modules/wide-spreads/component.mjs'),
      outside: { module: 'wide-spreads' },
      runsUserCode: true,
    });
    expect(modulesLoaded()).toEqual(['wide-spreads']);
  });

  it('is found for a pipeline in the calling thread, too', async () => {
    const project = projectWith({ 'wide-spreads': {} });
    const spec = uncheckedSpec({
      name: 'here',
      source: { use: 'synthetic', rows: 3 },
      operators: [{ use: 'wide-spreads' }],
      sink: { use: 'null' },
    });
    const report = await createPipeline(spec, { discoverIn: [project] }).run();
    expect([report.outcome, report.counters.rowsOut]).toEqual(['completed', 3]);
    const without = createPipeline(spec, { discoverIn: [project], discover: false }).build();
    await expect(without).rejects.toThrow('found "wide-spreads"');
  });

  it('is one of a direct dependency: what else lies in node_modules is left alone', async () => {
    const project = projectWith({ direct: {}, deep: { isDependency: false } });
    const { problems } = await check({ use: 'deep', specFolder: project });
    expect(problems).toEqual([expect.stringContaining('operators.0.use: expected the name of an operator')]);
    expect(modulesLoaded()).toEqual([]);
  });

  it('is looked for where the spec is, not where the process works', async () => {
    const project = projectWith({ elsewhere: {} });
    const before = process.cwd();
    process.chdir(project);
    try {
      expect((await check({ use: 'elsewhere', specFolder: tmpdir() })).problems).toHaveLength(1);
      expect((await check({ use: 'elsewhere' })).problems).toHaveLength(1);
    } finally {
      process.chdir(before);
    }
    expect((await check({ use: 'elsewhere', settings: { discoverIn: [project] } })).problems).toEqual([]);
  });

  it('is found in a folder above, as Node finds packages, in a scope too', async () => {
    const field = { contract: 1, components: './component.mjs', names: { operator: ['feeds'] } };
    const project = projectWith({ '@scope/feeds': { field, module: operatorModule('feeds') } });
    const workspace = join(project, 'packages/app');
    mkdirSync(workspace, { recursive: true });
    writeFileSync(
      join(workspace, 'package.json'),
      JSON.stringify({ devDependencies: { '@scope/feeds': '1.0.0' } }),
    );
    expect((await check({ use: 'feeds', specFolder: workspace })).problems).toEqual([]);
  });

  it('is loaded from where a link leads to', async () => {
    const store = projectWith({ linked: {} });
    const project = projectWith({ linked: {} });
    const place = join(project, 'node_modules/linked');
    rmSync(place, { recursive: true });
    symlinkSync(join(store, 'node_modules/linked'), place);
    const { operator } = await check({ use: 'linked', specFolder: project });
    expect(operator?.file).toBe(join(store, 'node_modules/linked/component.mjs'));
  });

  it('is suggested where its name is misspelt, without a look at its code', async () => {
    const project = projectWith({ 'wide-spreads': {} });
    const { problems } = await check({ use: 'wide-spread', specFolder: project });
    expect(problems).toEqual([expect.stringContaining('(did you mean "wide-spreads"?)')]);
    expect(modulesLoaded()).toEqual([]);
  });

  it('is not used if the settings say so, or name other packages', async () => {
    const project = projectWith({ one: {}, two: {} });
    const asked = (use: string, discover: DiscoverySettings['discover']) =>
      check({ use, specFolder: project, settings: { discover } });
    expect((await asked('one', false)).problems).toHaveLength(1);
    expect((await asked('one', ['two'])).problems).toHaveLength(1);
    expect((await asked('two', ['two'])).problems).toEqual([]);
  });

  it('comes from a folder of "moduleFolders", or its spec is told so', async () => {
    const project = projectWith({ outside: {} });
    const folders = new ModuleFolders(['.']);
    const userCode: UserCode = { ...askedHere, find: (path) => folders.find(path) };
    const { problems } = await check({ use: 'outside', specFolder: project, userCode });
    expect(problems).toEqual([
      expect.stringMatching(
        /^operators\.0\.use: package "outside" 1\.0\.0: module ".*": expected a file in .*"moduleFolders" of the settings$/,
      ),
    ]);
    expect(modulesLoaded()).toEqual([]);
  });

  it('that two packages have is an error that names both, of specs with this name alone', async () => {
    const field = { contract: 1, components: './component.mjs', names: { operator: ['shared'] } };
    const project = projectWith({
      'feeds-a': { field, version: '1.2.0' },
      'feeds-b': { field },
      fine: {},
    });
    expect((await check({ use: 'shared', specFolder: project })).problems).toEqual([
      'operators.0.use: the packages "feeds-a" 1.2.0 and "feeds-b" 1.0.0 each have the operator "shared": leave out ' +
        'one of them, or name the one that is meant in "components" of the settings',
    ]);
    expect(modulesLoaded()).toEqual([]);
    expect((await check({ use: 'fine', specFolder: project })).problems).toEqual([]);
  });

  it('is the one that the settings name, where two packages have one', async () => {
    const field = { contract: 1, components: './component.mjs', names: { operator: ['shared'] } };
    const parts = { field, module: operatorModule('shared') };
    const project = projectWith({ 'feeds-a': parts, 'feeds-b': parts });
    const components = [join(project, 'node_modules/feeds-b/component.mjs')];
    const { operator, problems } = await check({ use: 'shared', specFolder: project, components });
    expect(problems).toEqual([]);
    expect(operator?.file).toBe(components[0]);
  });

  it('never takes the place of one of ours', async () => {
    const field = { contract: 1, components: './component.mjs', names: { operator: ['filter'] } };
    const project = projectWith({ impostor: { field, module: operatorModule('filter') } });
    const { problems } = await check({ use: 'filter', specFolder: project });
    expect(problems).toEqual([expect.stringMatching(/^operators\.0\.where: expected a condition/)]);
    expect(modulesLoaded()).toEqual([]);
  });

  it.each([
    ['throws', { module: 'throw new Error("no licence")' }, 'failed while it was loaded: no licence'],
    ['declares nothing', { module: 'export {}' }, 'expected its default export to be a component'],
    [
      'declares another name',
      { module: operatorModule('renamed') },
      'its package.json names the operator "broken", and its module declares none of that name',
    ],
    [
      'is for another contract',
      { field: { contract: 2, components: './component.mjs', names: { operator: ['broken'] } } },
      '"contract": expected 1, the one that this release of Tickloom knows, found 2',
    ],
    [
      'leads out of its folder',
      { field: { contract: 1, components: './../../package.json', names: { operator: ['broken'] } } },
      '"components": expected a path within the package',
    ],
    [
      'has no module',
      { field: { contract: 1, components: './none.mjs', names: { operator: ['broken'] } } },
      'expected a file at',
    ],
  ])('whose package %s is a problem of specs with its name alone', async (_, parts, message) => {
    const project = projectWith({ broken: parts, fine: {} });
    const { problems } = await check({ use: 'broken', specFolder: project });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('operators.0.use: package "broken" 1.0.0: ');
    expect(problems[0]).toContain(message);
    expect((await check({ use: 'fine', specFolder: project })).problems).toEqual([]);
  });

  it('is found beside a package with more names than a package may have', async () => {
    const names = { source: Array.from({ length: 200_000 }, (_, i) => `s${i % 10}`) };
    const field = { contract: 1, components: './component.mjs', names };
    const project = projectWith({
      'too-many': { field: { ...field, names: { operator: names.source.slice(0, 101) } } },
      huge: { field },
      fine: {},
    });
    expect((await check({ use: 'fine', specFolder: project })).problems).toEqual([]);
    const { problems } = await new DiscoveredComponents({ discover: true }, askedHere).all(project);
    expect(problems).toEqual([
      expect.stringContaining('"names": expected at most 100 names, found 101'),
      expect.stringContaining('package "huge" 1.0.0: '),
    ]);
  });

  it('is asked again for what it declares once it has failed, since it may be mended', async () => {
    const project = projectWith({ broken: {} });
    let calls = 0;
    const userCode: UserCode = {
      ...askedHere,
      declare: async (ref) => {
        if (calls++ === 0) throw new PipelineError('MODULE_INVALID', 'not yet');
        return askedHere.declare(ref);
      },
    };
    const discovery = new DiscoveredComponents({ discover: true }, userCode);
    await expect(discovery.find('operator', 'broken', project)).rejects.toThrow('not yet');
    expect(await discovery.find('operator', 'broken', project)).toMatchObject({ name: 'broken' });
    expect(await discovery.find('operator', 'broken', project)).toMatchObject({ name: 'broken' });
    expect(calls).toBe(2);
  });
});

describe('a list of what is installed', () => {
  it('has every component with its package, and what is wrong with the others', async () => {
    const shared = { contract: 1, components: './component.mjs', names: { operator: ['shared'] } };
    const project = projectWith({
      fine: { version: '2.1.0' },
      broken: { module: 'throw new Error("no licence")' },
      odd: { field: 'yes' },
      'feeds-a': { field: shared, module: operatorModule('shared') },
      'feeds-b': { field: shared, module: operatorModule('shared') },
      impostor: {
        field: { contract: 1, components: './component.mjs', names: { operator: ['filter'] } },
        module: operatorModule('filter'),
      },
    });
    const discovery = new DiscoveredComponents({ discover: true }, askedHere);
    const { catalogue, problems } = await new Catalogue(builtIn, [], discovery).withInstalled(project);
    expect(catalogue.outside.map(({ name, package: from }) => [name, from])).toEqual([
      ['fine', { name: 'fine', version: '2.1.0' }],
    ]);
    expect(problems).toEqual([
      expect.stringMatching(/^package "broken" 1\.0\.0: .*no licence/),
      expect.stringMatching(
        /^package "odd" 1\.0\.0: field "tickloom" of its package\.json: expected \{ .*found a text$/,
      ),
      expect.stringContaining(
        'the packages "feeds-a" 1.0.0 and "feeds-b" 1.0.0 each have the operator "shared"',
      ),
      'package "impostor": its operator "filter" is not used, since Tickloom has one of that name',
    ]);
  });

  it('tells of names that a module does not declare, and shows no version that is none', async () => {
    const project = projectWith({
      renamed: { module: operatorModule('other'), version: `1\u001b[31m${'0'.repeat(9_000)}` },
    });
    const { problems } = await new DiscoveredComponents({ discover: true }, askedHere).all(project);
    expect(problems).toEqual([
      'package "renamed" without a version: its package.json names the operator "renamed", and its module declares ' +
        'none of that name',
    ]);
  });

  it('has a component once that the settings name as well', async () => {
    const project = projectWith({ fine: {} });
    const discovery = new DiscoveredComponents({ discover: true }, askedHere);
    const modules = [join(project, 'node_modules/fine/component.mjs')];
    const { catalogue } = await loadCatalogue(modules, askedHere, discovery);
    const all = await catalogue.withInstalled(project);
    expect([all.catalogue.outside.map(({ name }) => name), all.problems]).toEqual([['fine'], []]);
  });
});
