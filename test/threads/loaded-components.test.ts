import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadedFiles, sourcesOf } from './loaded-files.js';

const trades = { use: 'synthetic', kind: 'trade', rows: 100 };
const quotes = { use: 'synthetic', kind: 'quote', rows: 100 };

/** Returns the folders of components that the thread of a job loads code of, besides what says that they exist. */
function componentsLoaded(spec: object, dist = 'dist'): string[] {
  const folder = temporaryFolder();
  const file = join(folder, 'spec.json');
  writeFileSync(file, JSON.stringify({ name: 'loads', ...spec }));
  const files = loadedFiles(folder, 'other', [join(dist, 'src/cli/main.cjs'), 'run', file]);
  const own = files.filter((name) => name.startsWith(resolve(dist)));
  expect(own.map((name) => basename(name))).toContain('core.cjs');
  return [...new Set(own.flatMap((name) => componentsIn(name)))].sort();
}

function componentsIn(file: string): string[] {
  return sourcesOf(file).flatMap((source) => {
    if (source.endsWith('/component.ts')) return [];
    const [, kind, name] = /^src\/stages\/([a-z]+)\/([a-z-]+)\//.exec(source) ?? [];
    return kind === undefined ? [] : [`${kind}/${name}`];
  });
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const FILES = 'sinks/files'; // what sinks that write files share
const SMART = 'batchers/smart';

describe('the thread of a job', () => {
  it('loads the components that its spec names, and no other', () => {
    const operators = [
      { use: 'filter', where: 'price > 0' },
      { use: 'bars', every: '1s' },
    ];
    expect(componentsLoaded({ source: trades, operators, sink: { use: 'null' } })).toEqual([
      SMART,
      'operators/bars',
      'operators/filter',
      'sinks/null',
      'sources/synthetic',
    ]);
    const asof = [{ use: 'asof', with: quotes, take: ['bid'], tolerance: '1s' }];
    expect(componentsLoaded({ source: trades, operators: asof, sink: { use: 'console' } })).toEqual([
      SMART,
      'operators/asof',
      'sinks/console',
      'sources/synthetic',
    ]);
    const sink = { use: 'csv', path: join(temporaryFolder(), 'rows.csv') };
    expect(componentsLoaded({ source: trades, sink })).toEqual([
      SMART,
      'sinks/csv',
      FILES,
      'sources/synthetic',
    ]);
  });

  it('loads a new component from a file of its own, without a word of it in the build', () => {
    const folder = temporaryFolder();
    for (const name of ['src', 'workers', '.ci', 'build.mjs', 'package.json']) {
      cpSync(name, join(folder, name), { recursive: true });
    }
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    addSink(join(folder, 'src/stages/sinks/probe'));
    for (const script of ['.ci/built-in.mjs', 'build.mjs']) {
      execFileSync(process.execPath, [script], { cwd: folder, stdio: 'pipe' });
    }

    const dist = join(folder, 'dist');
    expect(componentsIn(join(dist, 'src/chunks/probe.cjs'))).toEqual(['sinks/probe']);
    expect(componentsLoaded({ source: trades, sink: { use: 'probe' } }, dist)).toEqual([
      SMART,
      'sinks/probe',
      'sources/synthetic',
    ]);
    expect(componentsLoaded({ source: trades, sink: { use: 'null' } }, dist)).toEqual([
      SMART,
      'sinks/null',
      'sources/synthetic',
    ]);
  });
});

/** Writes the sources of a sink that drops all rows. */
function addSink(folder: string): void {
  mkdirSync(folder);
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write(
    'component.ts',
    `import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'probe',
  summary: 'Drops all rows.',
  options: async () => (await import('./options.js')).ProbeOptions,
  load: async () => (await import('./probe.js')).probe,
});
`,
  );
  write('options.ts', `import { z } from 'zod';\nexport const ProbeOptions = z.strictObject({});\n`);
  write(
    'probe.ts',
    `import type { Batch } from '../../../columns/batch.js';
import { RowView } from '../../../columns/row-view.js';

export const probe = {
  create: () => ({
    capabilities: { delivery: 'append' as const },
    write: (batch: Batch) => batch.release(),
    flush: () => ({ rows: 0, position: null }),
    view: RowView,
  }),
};
`,
  );
}
