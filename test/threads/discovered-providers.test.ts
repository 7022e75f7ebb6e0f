import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listComponents, uncheckedSpec } from '../../dist/src/index.js';
import { projectWith } from '../plan/discovery/project.js';
import { discard, startRuntime } from './threads-support.js';

/** A provider by hand: its package finds neither Tickloom nor Zod from where it is. */
const PROVIDER = `export default {
  kind: 'provider',
  contract: 1,
  name: 'venue',
  summary: 'Trades of a venue.',
  capabilities: {
    assetClasses: ['crypto'],
    streams: { trades: { delivery: 'live-only' } },
    history: { trades: { columns: ['size'] } },
  },
  options: async () => ({
    safeParse: (data) => ({ success: true, data }),
    toJSONSchema: () => ({ type: 'object', properties: {}, additionalProperties: false }),
  }),
  load: async () => (options, { gate, status }) => ({
    connect: () => status({ state: 'connected' }),
    async historicalTicks({ symbol, fromMs, toMs }, writer, signal) {
      const hours = await gate.call(async () => (toMs - fromMs) / 3_600_000, { signal });
      for (let i = 0; i < hours; i++) writer.write({ symbol, timeMs: fromMs + i * 3_600_000, price: 1, size: 1 });
      return null;
    },
    async streamTrades({ symbols }, writer, signal) {
      const id = writer.symbolId(symbols[0]);
      for (let i = 0; i < 10; i++) writer.trade(id, NaN, 0, 1 + i);
      await new Promise((end) => signal.addEventListener('abort', end));
    },
  }),
};`;
const field = { contract: 1, components: './component.mjs', names: { source: ['venue'] } };
const HISTORY = {
  use: 'venue',
  history: 'trades',
  symbols: ['A', 'B'],
  from: '2024-01-01T00:00:00Z',
  to: '2024-01-02T00:00:00Z',
};

describe('a provider of an installed package', () => {
  it('runs in the thread of a job, its history and its stream', async () => {
    const project = projectWith({ 'tickloom-venue': { field, module: PROVIDER } });
    const runtime = await startRuntime({ discoverIn: [project] });
    const history = uncheckedSpec({ name: 'history', source: HISTORY, sink: discard });
    const report = await (await runtime.submit(history)).outcome;
    expect([report.outcome, report.counters.rowsIn]).toEqual(['completed', 48]);

    const source = { use: 'venue', stream: 'trades', symbols: ['A'] };
    const job = await runtime.submit(uncheckedSpec({ name: 'stream', source, sink: discard }));
    await job.drain();
    const streamed = await job.outcome;
    expect(streamed.outcome).toBe('completed');
  });

  it('is listed with its package and what it can do, and what is broken beside it', async () => {
    const project = projectWith({
      'tickloom-venue': { field, module: PROVIDER, version: '1.2.3' },
      'tickloom-broken': { module: 'throw new Error("no licence")' },
    });
    const { components, problems } = await listComponents({
      discoverIn: [project],
      moduleFolders: [tmpdir()],
    });
    expect(components.find(({ name }) => name === 'venue')).toMatchObject({
      kind: 'source',
      package: { name: 'tickloom-venue', version: '1.2.3' },
      provider: { contract: 1, capabilities: { assetClasses: ['crypto'] } },
    });
    expect(components.some(({ name }) => name === 'replay')).toBe(true);
    expect(problems).toEqual([expect.stringContaining('package "tickloom-broken" 1.0.0: ')]);
  });

  it('is used and listed by the command line, without a line of settings', () => {
    const project = projectWith({ 'tickloom-venue': { field, module: PROVIDER, version: '1.2.3' } });
    writeFileSync(
      join(project, 'spec.json'),
      JSON.stringify({ name: 'cli', source: HISTORY, sink: discard }),
    );
    const main = resolve('dist/src/cli/main.cjs');
    const run = (...args: string[]) =>
      execFileSync(process.execPath, [main, ...args], { cwd: project, encoding: 'utf8', stdio: 'pipe' });
    const [job] = JSON.parse(run('run', 'spec.json', '--json')).jobs;
    expect([job.outcome, job.rowsIn]).toEqual(['completed', 48]);
    const listed = run('components', 'providers');
    expect(listed).toContain('provider venue: Trades of a venue.\n  from package tickloom-venue 1.2.3\n');
    expect(listed).toContain('  supplies crypto\n  streams trades: live-only\n  history of trades\n');
  });
});
