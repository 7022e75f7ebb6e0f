import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ERROR_TEXTS } from '../../src/core/error-codes/error-codes.js';
import { moduleOperator } from './threads-support.js';

/** Notes each CommonJS file that the main thread loads, or any other thread. */
const noteLoaded = (thread: 'main' | 'other') => `
const { appendFileSync } = require('node:fs');
const { _extensions } = require('node:module');
if (require('node:worker_threads').isMainThread === ${thread === 'main'}) {
  const load = _extensions['.js']; // of .cjs files, too
  _extensions['.js'] = (module, file) => {
    appendFileSync(process.env.LOADED_FILE, file + '\\n');
    return load(module, file);
  };
}`;

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
  const file = fileWriter();
  const spec = {
    name: 'loads',
    source: { use: 'synthetic', rows: 1_000, ...source },
    operators: [...operators, ...more],
    sink: { use: 'null' },
  };
  const settingsFile = file('settings.json', JSON.stringify(settings));
  const specFile = file('spec.json', JSON.stringify(spec));
  return noted('other', ['dist/src/cli/main.js', 'run', '--settings', settingsFile, specFile], file);
}

/** What is loaded by whoever imports the package and its sub-paths. */
function filesImported(): string[] {
  const entries = ['index', 'resilience/rate/rate', 'resilience/breaker/breaker', 'checkpoints/checkpoints'];
  const code = entries.map((entry) => `require('./dist/src/${entry}.cjs');`).join('');
  return noted('main', ['-e', code], fileWriter());
}

type FileWriter = (name: string, text: string) => string;

function fileWriter(): FileWriter {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
}

function noted(thread: 'main' | 'other', args: readonly string[], file: FileWriter): string[] {
  const loaded = file('loaded.txt', '');
  execFileSync(process.execPath, ['--require', file('note-loaded.cjs', noteLoaded(thread)), ...args], {
    env: { ...process.env, LOADED_FILE: loaded },
    stdio: 'pipe',
  });
  return readFileSync(loaded, 'utf8').trim().split('\n');
}

const zod = /[/\\]node_modules[/\\]zod[/\\]/;
const holdsErrorTexts = (file: string) => readFileSync(file, 'utf8').includes(ERROR_TEXTS.LATE_ROW.meaning);
const resilience =
  /[/\\]chunks[/\\](?:rate|open-breaker|create-breaker|classify|resilience|create-gate|provider-gate)[^/\\]*\.cjs$/;

describe('the thread of a job', () => {
  it('loads no code of budgets and breakers for a spec that names none, and no Zod', () => {
    const files = filesLoaded({});
    expect(files.filter((file) => file.endsWith('bars.cjs'))).toHaveLength(1);
    expect(files.filter((file) => zod.test(file) || resilience.test(file))).toEqual([]);
  });

  it('loads no Zod for a spec that names a budget and a breaker either', () => {
    const files = filesLoaded({ budget: { provider: 'feed' }, breaker: 'feed' });
    expect(files.filter((file) => resilience.test(file)).length).toBeGreaterThan(1);
    expect(files.filter((file) => zod.test(file))).toEqual([]);
  });

  it("loads no Zod for a user's module either, nor does the thread that checks the module", () => {
    const files = filesLoaded({}, [moduleOperator('emit(batch);')]);
    expect(files.filter((file) => /[/\\](?:pipeline|planning)\.worker\.cjs$/.test(file))).toHaveLength(2);
    expect(files.filter((file) => zod.test(file))).toEqual([]);
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
    expect(found.loaded.filter((file: string) => zod.test(file))).toEqual([]);
    expect(found.others).toEqual([]);
  });
});

describe('the text about error codes', () => {
  it('is loaded by the command that prints it alone', () => {
    const printed = noted('main', ['dist/src/cli/main.js', 'errors'], fileWriter());
    expect(printed.filter(holdsErrorTexts)).toHaveLength(1);
    const imported = filesImported();
    expect(imported.length).toBeGreaterThan(4);
    expect(imported.filter(holdsErrorTexts)).toEqual([]);
    expect(filesLoaded({ budget: { provider: 'feed' }, breaker: 'feed' }).filter(holdsErrorTexts)).toEqual(
      [],
    );
  });
});
