import { describe, expect, it } from 'vitest';
import { checkpointFor } from '../../src/plan/fit-checkpoint.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import type { PipelineSpec } from '../../src/plan/typed-spec.js';
import { loadHere } from '../../src/plan/user-code/load-here.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';

const SPEC = {
  name: 'prints',
  source: {
    use: 'replay',
    path: 'in/*.csv',
    kind: 'trade',
    columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
  },
  operators: [{ use: 'bars', every: '1m' }],
  sink: { use: 'parquet', path: 'out' },
} as const satisfies PipelineSpec;

async function differing(changed: PipelineSpec, from: PipelineSpec = SPEC): Promise<string> {
  const taken = fingerprintOf(await resolveSpec(from));
  try {
    checkpointFor({ spec: JSON.parse(JSON.stringify(taken)) }, await resolveSpec(changed));
  } catch (error) {
    expect(error).toMatchObject({ code: 'CHECKPOINT_INVALID' });
    return /another spec than "[^"]+": (.+?) differs?\./.exec((error as Error).message)?.[1] ?? String(error);
  }
  return 'nothing';
}

describe('a checkpoint of another spec', () => {
  it.each(['bars', 'sessions'] as const)('is resumed where %s have another calendar', async (use) => {
    const stage = use === 'bars' ? { use, every: '1h', hours: 'extended' as const } : { use };
    const by = (calendar: string): PipelineSpec => ({ ...SPEC, operators: [{ ...stage, calendar }] });
    expect(await differing(by('XNAS'), by('XNYS'))).toBe('nothing');
  });

  it.each<readonly [string, Partial<PipelineSpec>]>([
    ['name', { name: 'other' }],
    ['source.path', { source: { ...SPEC.source, path: 'else/*.csv' } }],
    [
      'source.columns.time.unit',
      {
        source: {
          ...SPEC.source,
          columns: { time: { from: 'time', unit: 'us' as const }, symbol: 'symbol', price: 'price' },
        },
      },
    ],
    ['operators[0].every', { operators: [{ use: 'bars', every: '5m' }] }],
    [
      'operators[0].emptyBars, operators[0].every, operators[0].fillMax, operators[0].lateness, ' +
        'operators[0].use',
      { operators: [] },
    ],
    ['sink.path', { sink: { use: 'parquet', path: 'elsewhere' } }],
  ])('is refused with the option that differs: %s', async (path, change) => {
    expect(await differing({ ...SPEC, ...change })).toBe(path);
  });

  it.each<readonly [string, Partial<PipelineSpec>]>([
    [
      'its options in another order',
      { source: Object.fromEntries(Object.entries(SPEC.source).reverse()) as never },
    ],
    ['a default that is written out', { operators: [{ use: 'bars', every: '60s', emptyBars: 'skip' }] }],
    [
      'another operator behind the last one',
      {
        operators: [
          { use: 'bars', every: '1m' },
          { use: 'filter', where: 'close > 1' },
        ],
      },
    ],
    ['another pace', { source: { ...SPEC.source, speed: 10 } }],
    ['another batcher', { batcher: { maxRows: 5, maxDelayMs: 9, key: 'symbol' } }],
    ['room, memory, dead letters', { batchRows: 7, maxMemoryMb: 64, deadLetter: { path: 'dead.jsonl' } }],
    ['another seed, which none of its stages asks for', { seed: 5 }],
    [
      'another compression',
      { sink: { use: 'parquet', path: 'out', compression: 'gzip', rotate: { rows: 5 } } },
    ],
  ])('is taken with %s', async (_what, change) => {
    expect(await differing({ ...SPEC, ...change })).toBe('nothing');
  });

  it.each(['parquet', 'csv', 'jsonl'] as const)(
    'is taken with another bound on the open files of %s',
    async (use) => {
      const from = { ...SPEC, sink: { use, path: 'out', partitionBy: ['symbol'] } };
      const changed = { ...SPEC, sink: { ...from.sink, openPartsMax: 2 } };
      expect(await differing(changed, from)).toBe('nothing');
    },
  );

  it('is refused with another seed where a stage may ask for it', async () => {
    const made: PipelineSpec = { ...SPEC, source: { use: 'synthetic', rows: 5 }, operators: [] };
    expect(await differing({ ...made, seed: 1 }, made)).toBe('seed');
    const own: PipelineSpec = { ...made, source: { use: 'synthetic', rows: 5, seed: 3 } };
    expect(await differing({ ...own, seed: 1 }, own)).toBe('nothing');
  });

  it('is refused with another seed where code of users may ask for it, whatever the source is', async () => {
    const { resolved } = await resolveWithFiles(
      {
        name: 'seeded',
        source: { use: 'synthetic', rows: 5, seed: 3 },
        operators: [{ use: 'module', path: 'test/settings/failing-operator.mjs' }],
        sink: { use: 'null' },
      },
      { userCode: loadHere },
    );
    expect(() => checkpointFor({ spec: fingerprintOf(resolved) }, { ...resolved, seed: 1 })).toThrow(
      'seed differs',
    );
  });
});

describe('what a checkpoint knows of a spec', () => {
  it('holds no option itself, and does not grow with the length of a list', async () => {
    const symbols = Array.from({ length: 5_000 }, (_, i) => `SECRET${i}`);
    const print = fingerprintOf(
      await resolveSpec({ ...SPEC, source: { use: 'synthetic', rows: 5, symbols }, operators: [] }),
    );
    expect(JSON.stringify(print)).not.toMatch(/SECRET|out/);
    expect(JSON.stringify(print).length).toBeLessThan(2_000);
  });
});
