import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// Threads run the build, so this does, too: `npm test` makes it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const SETTINGS = `budgets:
  providers: { feed: { permits: 1000, burst: 10, endpoints: { quotes: { permits: 1000 } } } }
  tenants: { desk: { permits: 1000 } }
breakers: { feed: { failuresInRow: 2, openMs: 20, openJitter: 0 } }
maxThreads: 2
`;
const SPEC = `name: guarded
source:
  use: synthetic
  rows: 100
  faults: { errorAtRow: 50, errorReads: 3 }
  budget: { provider: feed, endpoint: quotes, tenant: desk }
  breaker: feed
sink: { use: "null" }
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickloom-settings-'));
  await write('spec.yaml', SPEC);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text);

function tickloom(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

async function withSettings(settings: string, ...args: string[]) {
  await write('settings.yaml', settings);
  return tickloom(...args, 'spec.yaml', '--settings', 'settings.yaml');
}

describe('a file of settings', () => {
  it('declares the budgets and breakers that specs name, and a run gets over an outage', async () => {
    const { code, out } = await withSettings(SETTINGS, 'run', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out).jobs).toMatchObject([{ outcome: 'completed', rowsIn: 100, rowsOut: 100 }]);
  });

  it('is taken by validate as well', async () => {
    expect(await withSettings(SETTINGS, 'validate')).toMatchObject({
      code: 0,
      out: 'spec.yaml: guarded: ok\n',
    });
  });

  it.each([
    ['an unknown key', 'maxThread: 2', 'settings.yaml:1:1 maxThread: there is no such option'],
    ['what only code can give', 'rates: 1\nclock: 2', 'rates: there is no such option'],
    [
      'an unknown key of a budget',
      'budgets:\n  providers: { feed: { permit: 5 } }',
      'budgets.providers.feed.permit: there is no such option (did you mean "permits"?)',
    ],
    [
      'an unknown key of an endpoint',
      'budgets: { providers: { feed: { endpoints: { quotes: { burts: 5, permits: 5 } } } } }',
      'budgets.providers.feed.endpoints.quotes.burts: there is no such option (did you mean "burst"?)',
    ],
    [
      'an unknown key of a tenant',
      'budgets: { tenants: { desk: { wieght: 5 } } }',
      'budgets.tenants.desk.wieght: there is no such option (did you mean "weight"?)',
    ],
    [
      'an unknown key of a limit',
      'budgets: { tenants: { desk: { limits: [{ permits: 5, pre: 1s }] } } }',
      'budgets.tenants.desk.limits[0].pre: there is no such option (did you mean "per"?)',
    ],
    [
      'an unknown key of a breaker',
      'breakers: { feed: { openms: 5 } }',
      'breakers.feed.openms: there is no such option (did you mean "openMs"?)',
    ],
    [
      'a name of a breaker',
      'breakers: { feed: { name: feed } }',
      'breakers.feed.name: there is no such option',
    ],
    [
      'an unknown key of a window',
      'breakers: { feed: { timeWindow: { failurerate: 0.5 } } }',
      'breakers.feed.timeWindow.failurerate: there is no such option (did you mean "failureRate"?)',
    ],
    ['a wrong value', 'maxThreads: many', 'maxThreads: expected 1 to 4096 threads'],
    ['YAML that is none', 'budgets: [', 'settings.yaml:1:'],
    ['two documents', 'maxThreads: 2\n---\nmaxThreads: 3', 'expected one document, found several'],
    ['a list', '- maxThreads: 2', 'expected a mapping, found a list'],
  ])('is refused for %s, by run and by validate, before anything starts', async (_what, text, expected) => {
    for (const command of ['run', 'validate']) {
      const { code, out, err } = await withSettings(text, command);
      expect(err).toContain(expected);
      expect({ code, out }).toEqual({ code: 2, out: '' });
    }
  });

  it('has a hundred of its problems printed, as of a spec, and the others counted', async () => {
    const keys = Array.from({ length: 150 }, (_, i) => `key${i}: 1`);
    for (const command of ['run', 'validate', 'components']) {
      const args =
        command === 'components'
          ? ['--settings', 'settings.yaml']
          : ['spec.yaml', '--settings', 'settings.yaml'];
      await write('settings.yaml', keys.join('\n'));
      const lines = (await tickloom(command, ...args)).err.trim().split('\n');
      expect(lines[0]).toBe('Invalid options in "settings.yaml":');
      expect(lines[100]).toBe('  - settings.yaml:100:1 key99: there is no such option');
      expect(lines.slice(101)).toEqual(['  - … and 50 more problems']);
    }
  });

  it('is refused when it is not there, and with --json the document is empty', async () => {
    const { code, out, err } = await tickloom('run', 'spec.yaml', '--json', '--settings', 'none.yaml');
    expect(code).toBe(2);
    expect(err).toContain('none.yaml');
    expect(JSON.parse(out)).toEqual({ jobs: [] });
  });

  it('that lacks a name is told with its place in the spec, and what there is', async () => {
    const other = SETTINGS.replaceAll('feed', 'other');
    const { code, out, err } = await withSettings(other, 'run', '--json');
    expect(code).toBe(2);
    expect(err).toMatch(/spec\.yaml:6:\d+ source\.budget: .*other/);
    expect(err).toMatch(/spec\.yaml:7:\d+ source\.breaker: .*other/);
    expect(JSON.parse(out).jobs).toMatchObject([{ outcome: 'failed', error: { code: 'SPEC_INVALID' } }]);
  });

  it('is asked for by a spec that names budgets and is given none', async () => {
    const { code, err } = await tickloom('validate', 'spec.yaml');
    expect(code).toBe(2);
    expect(err).toContain('--settings FILE');
  });
});
