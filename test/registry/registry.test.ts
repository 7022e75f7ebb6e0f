import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { Batch } from '../../src/columns/batch.js';
import { type Component, defineComponent, secret } from '../../src/engine/component.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { loadStage } from '../../src/registry/load-stage.js';
import { Registry } from '../../src/registry/registry.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { jsonSchemaOf } from '../../src/settings/json-schema-of.js';

const Options = z.strictObject({
  every: z.int('expected a whole number').min(1, 'expected 1 or more').default(2),
});

function countingSink(kept: number[]) {
  return defineComponent({
    kind: 'sink',
    name: 'every-nth',
    summary: 'Keeps the number of each nth row.',
    options: async () => Options,
    load: async () => ({
      create: ({ every }) => {
        let rows = 0;
        return {
          capabilities: { delivery: 'idempotent' },
          write(batch: Batch) {
            for (let i = 0; i < batch.length; i++) if (++rows % every === 0) kept.push(rows);
            batch.release();
          },
          flush: () => ({ rows, position: null }),
          resume: () => {},
        };
      },
    }),
  });
}

const spec = (sink: object) => uncheckedSpec({ name: 'own', source: { use: 'synthetic', rows: 7 }, sink });

describe('a component of one’s own', () => {
  it('is used by its name, its options checked and filled in like those of ours', async () => {
    const kept: number[] = [];
    const components = [countingSink(kept)];
    const report = await createPipeline(spec({ use: 'every-nth' }), { components }).run();
    expect([report.outcome, kept]).toEqual(['completed', [2, 4, 6]]);
    await expect(createPipeline(spec({ use: 'every-nth', every: 0 }), { components }).run()).rejects.toThrow(
      'sink.every: expected 1 or more, found 0',
    );
    await expect(createPipeline(spec({ use: 'every-nht' }), { components }).run()).rejects.toThrow(
      'found "every-nht" (did you mean "every-nth"?)',
    );
  });

  it('may have a secret option, which no report shows', async () => {
    const leaky = defineComponent({
      kind: 'sink',
      name: 'leaky',
      summary: 'Tells its key when it fails.',
      options: async () => z.strictObject({ login: secret(z.string()) }),
      load: async () => ({
        create: ({ login }) => {
          throw new Error(`refused: ${login}`);
        },
      }),
    });
    const running = createPipeline(spec({ use: 'leaky', login: 'planted words' }), {
      components: [leaky],
    }).run();
    const told = await running.then(JSON.stringify, String);
    expect(told).toContain('refused: [redacted]');
  });

  it('shows no secret number where it is refused', async () => {
    const guarded = defineComponent({
      kind: 'sink',
      name: 'guarded',
      summary: 'Has a PIN.',
      options: async () => z.strictObject({ pin: secret(z.int().max(9_999, 'expected a PIN of 4 digits')) }),
      load: async () => ({
        create: () => {
          throw new Error('never made');
        },
      }),
    });
    const running = createPipeline(spec({ use: 'guarded', pin: 48_213_377 }), {
      components: [guarded],
    }).run();
    const told = await running.then(JSON.stringify, String);
    expect(told).toContain('sink.pin: expected a PIN of 4 digits, found [redacted]');
  });

  it('goes on from a store with another value of an option that it says may change', async () => {
    const components = [defineComponent({ ...countingSink([]), mayChange: ['every'] })];
    const store = new MemoryCheckpointStore();
    for (const every of [2, 3]) {
      const endless = {
        ...spec({ use: 'every-nth', every }),
        source: { use: 'synthetic', rate: 100 } as const,
      };
      const pipeline = createPipeline(endless, { components, store });
      const running = pipeline.run();
      await pipeline.suspend();
      expect(await running).toMatchObject({ reason: 'suspended' });
    }
    expect((await store.load('own'))?.run.epoch).toBe(2);
  });

  it('is not there for others', async () => {
    expect(builtIn.find('sink', 'every-nth')).toBeUndefined();
    await expect(createPipeline(spec({ use: 'every-nth' })).run()).rejects.toThrow('found "every-nth"');
  });
});

describe('a registry', () => {
  it('has code for each component, whose options have a text about each', async () => {
    for (const component of builtIn.all()) {
      const { kind, name } = component;
      const { properties = {} } = jsonSchemaOf(await component.options()) as { readonly properties?: object };
      const silent = Object.entries(properties).filter(
        ([, option]) => (option as { description?: string }).description === undefined,
      );
      expect([kind, name, silent.map(([option]) => option)]).toEqual([kind, name, []]);
      if (name === 'module') continue; // its code is the user's
      expect(await loadStage(builtIn, kind, { use: name, options: {} })).toHaveProperty('create');
    }
  });

  it('has one component of a kind and name', () => {
    expect(() => builtIn.with([countingSink([]), countingSink([])])).toThrow(
      'There is a sink "every-nth" already',
    );
    expect(() => new Registry().get('sink', 'parquet')).toThrow('expected the name of a sink ()');
  });

  it.each<[unknown, string]>([
    [undefined, 'Expected a component, as defineComponent returns it, found nothing'],
    [1, 'Expected a component, as defineComponent returns it, found 1'],
    [{ name: '../x', kind: 'sink' }, 'Expected the name of a component'],
    [
      { name: 'x', kind: 'sinc' },
      'expected its kind to be one of source, operator, batcher, sink, found "sinc"',
    ],
    [{ name: 'x', kind: 'sink', summary: 'x' }, 'expected a function "options"'],
    [{ name: 'x', kind: 'sink', summary: 'x', options() {} }, 'expected a function "load"'],
  ])('refuses what is no component (%j)', (component, message) => {
    expect(() => new Registry([component as Component])).toThrow(message);
  });

  it('lists a folder of src/stages that has a component, and nothing else says so', () => {
    const folder = 'src/stages/sinks/zz-probe';
    const before = readFileSync('src/registry/built-in.ts', 'utf8');
    mkdirSync(folder);
    try {
      writeFileSync(`${folder}/component.ts`, '');
      const list = () => execFileSync('node', ['.ci/built-in.mjs', '--print'], { encoding: 'utf8' });
      expect(list()).toContain("import zzProbeSink from '../stages/sinks/zz-probe/component.js';");
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(readFileSync('src/registry/built-in.ts', 'utf8')).toBe(before);
  });
});
