import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ERROR_TEXTS } from '../../src/core/error-codes/error-codes.js';
import { loadedFiles, sourcesOf } from './loaded-files.js';
import { moduleOperator } from './threads-support.js';

const settings = {
  moduleFolders: [tmpdir()],
  budgets: { providers: { feed: { permits: 1_000_000, burst: 1_000_000 } } },
  breakers: { feed: {} },
};
const operators = [
  { use: 'filter', where: 'bid > 0' },
  { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
  { use: 'bars', every: '1s', price: 'mid' },
];

/** What the thread of a job loads, which runs with budgets and breakers declared. */
function filesLoaded(source: object, more: readonly object[] = []): string[] {
  const folder = temporaryFolder();
  const spec = {
    name: 'loads',
    source: { use: 'synthetic', rows: 1_000, ...source },
    operators: [...operators, ...more],
    sink: { use: 'null' },
  };
  const [settingsFile, specFile] = [settings, spec].map((data, i) => {
    const file = join(folder, `${i}.json`);
    writeFileSync(file, JSON.stringify(data));
    return file;
  });
  return loadedFiles(folder, 'other', [
    'dist/src/cli/main.cjs',
    'run',
    '--settings',
    settingsFile!,
    specFile!,
  ]);
}

/** What is loaded by whoever imports the package and its sub-paths. */
function filesImported(): string[] {
  const entries = ['index', 'resilience/rate/rate', 'resilience/breaker/breaker', 'checkpoints/checkpoints'];
  const code = entries.map((entry) => `require('./dist/src/${entry}.cjs');`).join('');
  return loadedFiles(temporaryFolder(), 'main', ['-e', code]);
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Whether a file is of Zod, or of the package and has Zod in it. */
const holdsZod = (file: string) =>
  /[/\\]node_modules[/\\]zod[/\\]/.test(file) ||
  (/[/\\]chunks[/\\]/.test(file) && sourcesOf(file).some((source) => source.startsWith('node_modules/zod/')));
const holdsErrorTexts = (file: string) => readFileSync(file, 'utf8').includes(ERROR_TEXTS.LATE_ROW.meaning);
/** Whether a file of the package has code of budgets, breakers or the gate of a provider. */
/** What providers that come with the package declare is known in all threads. */
const DECLARATIONS = /^src\/providers\/(?:contract\/define-provider|\w+\/(?:component|capabilities))\.ts$/;
const holdsResilience = (file: string) =>
  /[/\\]chunks[/\\]/.test(file) &&
  sourcesOf(file).some(
    (source) => /^src\/(?:resilience|providers)\//.test(source) && !DECLARATIONS.test(source),
  );

describe('the thread of a job', () => {
  it('loads no code of budgets and breakers for a spec that names none, and no Zod', () => {
    const files = filesLoaded({});
    expect(files.filter((file) => file.endsWith('bars.cjs'))).toHaveLength(1);
    expect(files.filter((file) => holdsZod(file) || holdsResilience(file))).toEqual([]);
  });

  it('loads no Zod for a spec that names a budget and a breaker either', () => {
    const files = filesLoaded({ budget: { provider: 'feed' }, breaker: 'feed' });
    expect(files.filter(holdsResilience).length).toBeGreaterThan(1);
    expect(files.filter(holdsZod)).toEqual([]);
  });

  it("loads no Zod for a user's module either, nor does the thread that checks the module", () => {
    const files = filesLoaded({}, [moduleOperator('emit(batch);')]);
    expect(files.filter((file) => /[/\\](?:pipeline|planning)\.worker\.cjs$/.test(file))).toHaveLength(2);
    expect(files.filter(holdsZod)).toEqual([]);
  });
});

describe('a message between threads', () => {
  it('has neither of them load the fetch of Node, which has the class of its events', () => {
    const list = "process.moduleLoadList.filter((name) => name.includes('undici')).join()";
    const operator = moduleOperator(`console.log('thread: [' + ${list} + ']'); emit(batch);`);
    const script = `
      const { createRuntime } = require('./dist/src/index.cjs');
      (async () => {
        const runtime = await createRuntime({ moduleFolders: [${JSON.stringify(tmpdir())}] });
        const spec = {
          name: 'heard',
          source: { use: 'synthetic', rows: 1 },
          operators: [{ use: 'module', path: ${JSON.stringify(operator.path)} }],
          sink: { use: 'null' },
        };
        await (await runtime.submit(spec)).outcome;
        await runtime.close();
        console.log('main: [' + ${list} + ']');
      })();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--eval', script], { encoding: 'utf8' });
    expect(stdout).toContain('main: []');
    expect(stdout + stderr).toContain('thread: []');
  });
});

describe('the entry for authors of stages', () => {
  it('loads no Zod, and is all in the main entry', () => {
    const script = `
      const stages = require('./dist/src/stages.cjs');
      const loaded = Object.keys(require.cache);
      const main = require('./dist/src/index.cjs');
      const others = Object.keys(stages).filter((name) => stages[name] !== main[name]);
      console.log(JSON.stringify({ loaded, others }));`;
    const found = JSON.parse(execFileSync(process.execPath, ['--eval', script], { encoding: 'utf8' }));
    expect(found.loaded).toContainEqual(expect.stringMatching(/stages\.cjs$/));
    expect(found.loaded.filter(holdsZod)).toEqual([]);
    expect(found.others).toEqual([]);
  });
});

describe('the command line', () => {
  it('has Zod and YAML in a few files of the package, not in the hundreds of theirs', () => {
    const spec = join(temporaryFolder(), 'spec.yaml');
    writeFileSync(spec, 'name: few\nsource: { use: synthetic, rows: 1 }\nsink: { use: "null" }\n');
    const files = loadedFiles(temporaryFolder(), 'main', ['dist/src/cli/main.cjs', 'validate', spec]);
    expect(files.filter(holdsZod)).toHaveLength(1);
    expect(files.filter((file) => /[/\\]node_modules[/\\](?:zod|yaml)[/\\]/.test(file))).toEqual([]);
  });

  it('loads neither Zod nor YAML to say its version, and no Pino for a run that logs nothing', () => {
    const told = loadedFiles(temporaryFolder(), 'main', ['dist/src/cli/main.cjs', '--version']);
    expect(told.some((file) => file.endsWith('main.cjs'))).toBe(true);
    expect(told.filter(holdsZod)).toEqual([]);
    expect(told.length).toBeLessThan(30);
    const spec = join(temporaryFolder(), 'spec.json');
    writeFileSync(
      spec,
      '{ "name": "quiet", "source": { "use": "synthetic", "rows": 1 }, "sink": { "use": "null" } }',
    );
    const quiet = loadedFiles(temporaryFolder(), 'main', ['dist/src/cli/main.cjs', 'run', spec]);
    const pino = /[/\\]node_modules[/\\]pino[/\\]/;
    expect(quiet.filter((file) => pino.test(file))).toEqual([]);
    const loud = loadedFiles(temporaryFolder(), 'main', [
      'dist/src/cli/main.cjs',
      'run',
      spec,
      '--log-level',
      'debug',
    ]);
    expect(loud.filter((file) => pino.test(file)).length).toBeGreaterThan(0);
  });
});

describe('the text about error codes', () => {
  it('is loaded by the command that prints it alone', () => {
    const printed = loadedFiles(temporaryFolder(), 'main', ['dist/src/cli/main.cjs', 'errors']);
    expect(printed.filter(holdsErrorTexts)).toHaveLength(1);
    const imported = filesImported();
    expect(imported.length).toBeGreaterThan(4);
    expect(imported.filter(holdsErrorTexts)).toEqual([]);
    expect(filesLoaded({ budget: { provider: 'feed' }, breaker: 'feed' }).filter(holdsErrorTexts)).toEqual(
      [],
    );
  });
});

describe('the code of the build', () => {
  it('has no `import()` in what most threads load, so that they share what V8 has compiled', () => {
    for (const name of ['core', 'replay', 'parquet', 'derive-filter-split', 'bars']) {
      expect([name, /\bimport\(/.test(readFileSync(`dist/src/chunks/${name}.cjs`, 'utf8'))]).toEqual([
        name,
        false,
      ]);
    }
  });

  it('is ASCII, so that V8 keeps it in one byte a character', () => {
    const folder = 'dist/src/chunks';
    const files = readdirSync(folder).filter((name) => name.endsWith('.cjs'));
    expect(files).toContain('core.cjs');
    for (const name of files) {
      expect([name, readFileSync(join(folder, name), 'latin1').match(/[\x80-\xff]/)]).toEqual([name, null]);
    }
  });
});
