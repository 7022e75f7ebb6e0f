import { z } from 'zod';
import { type Component, defineComponent } from '../../src/engine/component.js';
import type { Durable } from '../../src/engine/sink.js';
import { outputBranch } from '../../src/settings/branch-options.js';
import { rowsIn } from './batch-rows.js';

/** A sink with all forms of branches. `told` takes what it and other small sinks do. */
export function branchedStages(told: string[] = []): Component[] {
  const fork = defineComponent({
    kind: 'sink',
    name: 'fork',
    summary: 'Passes rows on.',
    mayChange: ['deadlineMs'],
    options: async () =>
      z.strictObject({
        copies: z.array(outputBranch()).default([]),
        routes: z
          .record(z.string(), outputBranch({ when: z.string('expected a condition as text') }))
          .default({}),
        otherwise: outputBranch().optional(),
        deadlineMs: z.int().default(1_000),
      }),
    load: async () => ({
      plan(options, input, problems) {
        told.push(`plan ${JSON.stringify(options)}`);
        for (const [name, { when }] of Object.entries(options.routes)) {
          const known = input.columns.some((column) => column.name === when);
          if (!known) problems.add(['routes', name, 'when'], `expected a column, found "${when}"`);
        }
      },
      create(_options, _input, { branches }) {
        told.push(`create ${Object.keys(branches).join(' ')}`);
        return {
          capabilities: { delivery: 'transactional' },
          async write(batch) {
            batch.release();
          },
          flush: (): Durable => ({ rows: 0, position: null }),
        };
      },
    }),
  });
  /** A sink that writes a file, with an option to hide and one that may change. */
  const filed = defineComponent({
    kind: 'sink',
    name: 'filed',
    summary: 'Has a file.',
    mayChange: ['pace'],
    loads: ({ pace }) => (pace > 1 ? 'native' : 'javascript'),
    options: async () =>
      z.strictObject({
        path: z.string('expected a path'),
        key: z.string().meta({ writeOnly: true }).optional(),
        pace: z.int().default(1),
      }),
    load: async () => ({
      plan: (_options, { columns }) => void told.push(`filed ${columns.map(({ name }) => name).join(' ')}`),
      files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }),
      create: () => ({
        capabilities: { delivery: 'transactional' },
        write: (batch) => batch.release(),
        flush: (): Durable => ({ rows: 0, position: null }),
      }),
    }),
  });
  /** A sink that tells the numbers that it was given. */
  const telling = defineComponent({
    kind: 'sink',
    name: 'telling',
    summary: 'Tells numbers.',
    options: async () =>
      z.strictObject({
        tag: z.string().default(''),
        delivery: z.enum(['transactional', 'idempotent', 'append']).default('idempotent'),
      }),
    load: async () => ({
      create({ tag, delivery }) {
        let rows = 0;
        return {
          capabilities: { delivery },
          write(batch) {
            for (const { n } of rowsIn(batch)) told.push(`${tag} ${n}`);
            rows += batch.length;
            batch.release();
          },
          flush: (): Durable => ({ rows, position: null }),
        };
      },
    }),
  });
  return [fork, filed, telling];
}
