// Components from outside of the package, as a user writes them, but from the sources.
import { z } from 'zod';
import { BatchPool } from '../../../src/columns/batch-pool.ts';
import { writeEpochMillis } from '../../../src/columns/int64.ts';

const SCHEMA = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'number', type: 'float64' },
  ],
};

const Ticks = z.strictObject({
  from: z.int('expected a whole number').min(1, 'expected 1 or more').default(1),
  login: z.strictObject({ key: z.string().meta({ writeOnly: true }) }).optional(),
  rows: z.int().max(1_000).default(10),
  pace: z.enum(['slow', 'fast']).default('fast'),
  log: z.string().optional(),
  since: z
    .string()
    .transform((text) => new Date(text))
    .optional(),
});

const ticker = {
  kind: 'source',
  name: 'ticker',
  summary: 'Counts.',
  mayChange: ['pace'],
  options: async () => Ticks,
  load: async () => ({
    plan({ from, login }, problems) {
      if (from > 900) problems.add(['from'], `expected less with ${login?.key}`);
      return SCHEMA;
    },
    files: ({ log }) => (log === undefined ? {} : { reads: [{ path: log, at: ['log'] }] }),
    create({ from, rows }, { dictionaries, batchRows }) {
      const pool = new BatchPool(SCHEMA, batchRows, dictionaries);
      let at = 0;
      let stopped = false;
      return {
        schema: SCHEMA,
        capabilities: { delivery: 'replayable', bounded: true },
        read() {
          if (stopped || at >= rows) return null;
          const batch = pool.acquire();
          for (; at < rows && batch.length < batch.capacity; at++) {
            writeEpochMillis(batch.int32('time'), batch.length, 1_700_000_000_000 + at, 0);
            batch.float64('number')[batch.length++] = from + at;
          }
          return batch;
        },
        stop() {
          stopped = true;
        },
        position: () => at,
        resume(position) {
          at = position;
        },
        close: () => pool.close(),
      };
    },
  }),
};

const scale = {
  kind: 'operator',
  name: 'scale',
  summary: 'Multiplies the numbers.',
  facts: ({ by }) => ({ keepsTime: by > 1 }),
  options: async () => z.strictObject({ by: z.number('expected a factor') }),
  load: async () => ({
    plan(_options, input, problems) {
      const has = input.columns.some(({ name }) => name === 'number');
      if (!has) problems.add([], 'expected a column "number"');
      return input;
    },
    create: ({ by }, output) => ({
      output,
      process(batch, emit) {
        const numbers = batch.float64('number');
        for (let row = 0; row < batch.length; row++) numbers[row] *= by;
        emit(batch);
      },
    }),
  }),
};

const pass = {
  kind: 'batcher',
  name: 'pass',
  summary: 'Passes batches on as they come.',
  facts: ({ apart }) => ({ groupsBy: apart && { column: apart, option: 'apart' } }),
  options: async () => z.strictObject({ apart: z.string().optional() }),
  load: async () => ({
    create() {
      const closed = [];
      return {
        add: (batch) => closed.push(batch),
        take: () => closed.shift(),
        due: undefined,
        flush() {},
        flushes: { rows: 0, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 },
      };
    },
  }),
};

const keep = {
  kind: 'sink',
  name: 'keep',
  summary: 'Keeps the numbers where a test finds them.',
  options: async () =>
    z.strictObject({ path: z.string().default('kept.txt'), asTable: z.boolean().optional() }),
  load: async () => ({
    plan({ asTable }, input, problems) {
      if (asTable && input.columns.length > 1) problems.add(['asTable'], 'expected one column');
    },
    files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }),
    create() {
      globalThis.keptNumbers ??= [];
      const kept = globalThis.keptNumbers;
      return {
        capabilities: { delivery: 'append' },
        write(batch) {
          kept.push(...batch.float64('number').subarray(0, batch.length));
          batch.release();
        },
        flush: () => ({ rows: kept.length, position: null }),
        resume() {},
      };
    },
  }),
};

export default [ticker, scale, pass, keep];
