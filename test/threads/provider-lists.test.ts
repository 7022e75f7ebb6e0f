import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { listInstruments, listOptions } from '../../dist/src/index.js';
import { ResilienceCoordinator } from '../../dist/src/resilience/resilience.js';

const components = ['./test/threads/fake-lists.mjs'];
const tickloom = (...words: string[]) =>
  promisify(execFile)(process.execPath, [
    join('dist', 'src', 'cli', 'main.cjs'),
    'instruments',
    ...words,
  ]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

describe('the lists of a provider', () => {
  it('are read to their end, page by page, and nowhere but in their thread', async () => {
    const instruments = await listInstruments('fake-lists', { components });
    expect(instruments).toHaveLength(250);
    expect(instruments.at(-1)).toEqual({ symbol: 'S249', assetClass: 'equity' });
    expect((globalThis as { listsAreLoadedIn?: string }).listsAreLoadedIn).toBeUndefined();
  });

  it('have the options on something, of all days or of one', async () => {
    const all = await listOptions('fake-lists', { components, underlying: 'GOOG' });
    expect(all.map(({ strike }) => strike)).toEqual(Array.from({ length: 250 }, (_, i) => 100 + i));
    const of = await listOptions('fake-lists', { components, underlying: 'GOOG', expiry: '2025-01-17' });
    expect(of).toHaveLength(50);
  });

  it('spend from the budget page by page, and end with the signal while they wait for it', async () => {
    const resilience = new ResilienceCoordinator({
      providers: { lists: { permits: 10, per: '1s', burst: 10 }, none: { permits: 1, per: '1d', burst: 1 } },
    });
    try {
      const terms = { components, resilience };
      await listInstruments('fake-lists', { ...terms, budget: { provider: 'lists' } });
      expect(resilience.rates.status({ provider: 'lists' }).permits).toBe(4); // the login, and three pages
      const stopping = new AbortController();
      const waiting = listInstruments('fake-lists', {
        ...terms,
        budget: { provider: 'none' },
        signal: stopping.signal,
      });
      const ended = expect(waiting).rejects.toThrow('enough');
      while (resilience.rates.status({ provider: 'none' }).permits === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      stopping.abort(new Error('enough'));
      await ended;
    } finally {
      resilience.close();
    }
  });

  it.each([
    ['fake-refused', 'PROVIDER_AUTHENTICATION', 'fake'],
    ['fake-round', 'PROVIDER_PROTOCOL', 'expected another cursor behind each page'],
    ['fake-nonsense', 'PROVIDER_PROTOCOL', 'expected an instrument with its symbol and its asset class'],
  ])('fail with the code of what went wrong: %s', async (provider, code, message) => {
    const failed = listInstruments(provider, { components });
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('fail where they are not through in time', async () => {
    const late = listInstruments('fake-mute', { components, deadlineMs: 1_000 });
    await expect(late).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('within 1000 ms'),
    });
  });

  it('are refused before anything is called where there are none', async () => {
    await expect(listInstruments('synthetic')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await expect(listInstruments('nobody')).rejects.toThrow('expected the name of a source');
    await expect(listOptions('binance-spot', { underlying: 'BTC' })).rejects.toThrow(
      'expected a provider with a list "optionsChain": "binance-spot" has instruments',
    );
    await expect(
      listInstruments('fake-lists', { components, budget: { provider: 'x' } }),
    ).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

describe('tickloom instruments', () => {
  const of = ['--components', components[0]!];

  it('prints a table, or JSON', async () => {
    const { code, stdout } = await tickloom('fake-lists', ...of, '--symbols', 'S7');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/│ S7 +│ equity │[\s\S]*\n1 instruments\n/)]);
    const chain = await tickloom(
      'fake-lists',
      ...of,
      '--underlying',
      'GOOG',
      '--expiry',
      '2025-01-17',
      '--json',
    );
    expect(JSON.parse(chain.stdout).options[0]).toEqual({
      symbol: 'GOOG-200',
      underlying: 'GOOG',
      right: 'call',
      strike: 300,
      expiry: '2025-01-17',
      multiplier: 100,
    });
  });

  it('says what is wrong, with its exit code', async () => {
    const runs = await Promise.all([
      tickloom('fake-lists', ...of, '--symbols', 'NO'),
      tickloom('fake-refused', ...of),
      tickloom('fake-lists', ...of, '--option', 'x'),
      tickloom('fake-lists', ...of, '--spec', 'examples/router.yaml'),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([1, 1, 2, 2]);
    expect(runs.map(({ stderr }) => stderr)).toEqual([
      expect.stringContaining('"fake-lists" does not list NO'),
      expect.stringContaining('the script says so'),
      expect.stringContaining('--option: expected path=value'),
      expect.stringContaining('expected a spec whose source is "fake-lists"'),
    ]);
  });
});
