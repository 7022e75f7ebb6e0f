import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { moduleOperator } from './threads-support.js';

/** Notes each CommonJS file that a thread other than the main thread loads. */
const NOTE_LOADED = `
const { appendFileSync } = require('node:fs');
const { _extensions } = require('node:module');
if (!require('node:worker_threads').isMainThread) {
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
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const note = file('note-loaded.cjs', NOTE_LOADED);
  const loaded = file('loaded.txt', '');
  const spec = {
    name: 'loads',
    source: { use: 'synthetic', rows: 1_000, ...source },
    operators: [...operators, ...more],
    sink: { use: 'null' },
  };
  execFileSync(
    process.execPath,
    [
      ...['--require', note, 'dist/src/cli/main.js', 'run', '--settings'],
      file('settings.json', JSON.stringify(settings)),
      file('spec.json', JSON.stringify(spec)),
    ],
    { env: { ...process.env, LOADED_FILE: loaded }, stdio: 'pipe' },
  );
  return readFileSync(loaded, 'utf8').trim().split('\n');
}

const zod = /[/\\]node_modules[/\\]zod[/\\]/;
const guards =
  /[/\\]chunks[/\\](?:rate|open-breaker|create-breaker|classify|guard|create-gate|provider-gate)[^/\\]*\.cjs$/;

describe('the thread of a job', () => {
  it('loads no code of budgets and breakers for a spec that names none, and no Zod', () => {
    const files = filesLoaded({});
    expect(files.filter((file) => file.endsWith('bars.cjs'))).toHaveLength(1);
    expect(files.filter((file) => zod.test(file) || guards.test(file))).toEqual([]);
  }, 30_000);

  it('loads no Zod for a spec that names a budget and a breaker either', () => {
    const files = filesLoaded({ budget: { provider: 'feed' }, breaker: 'feed' });
    expect(files.filter((file) => guards.test(file)).length).toBeGreaterThan(1);
    expect(files.filter((file) => zod.test(file))).toEqual([]);
  }, 30_000);

  it("loads no Zod for a user's module either, nor does the thread that checks the module", () => {
    const files = filesLoaded({}, [moduleOperator('emit(batch);')]);
    expect(files.filter((file) => /[/\\](?:pipeline|planning)\.worker\.cjs$/.test(file))).toHaveLength(2);
    expect(files.filter((file) => zod.test(file))).toEqual([]);
  }, 30_000);
});
