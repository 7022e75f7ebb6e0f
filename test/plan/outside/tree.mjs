// Components from outside of the package: one reads an input of its own, one passes rows on to branches.
import { z } from 'zod';
import { branchOption, inputOption } from '../../../src/engine/component.ts';

const Stage = z.looseObject({ use: z.string() });

const beside = {
  kind: 'operator',
  name: 'beside',
  summary: 'Adds the next number of an input to each.',
  options: async () =>
    z.strictObject({
      with: inputOption('source', Stage),
      operators: inputOption('operators', z.array(Stage)).optional(),
      column: z.string().default('number'),
    }),
  load: async () => ({
    plan(options, input, problems, { inputs }) {
      globalThis.besideSaw?.push({ options, inputs });
      const has = inputs.with.columns.some(({ name }) => name === options.column);
      if (!has) problems.add(['with'], `expected a column "${options.column}"`);
      return input;
    },
    create: ({ column }, output, { inputs }) => {
      let numbers = [];
      const next = async () => {
        while (numbers.length === 0) {
          const batch = await inputs.with.read();
          if (!batch) return 0;
          numbers = [...batch.float64(column).subarray(0, batch.length)];
          batch.release();
        }
        return numbers.shift();
      };
      return {
        output,
        async process(batch, emit) {
          const own = batch.float64('number');
          for (let row = 0; row < batch.length; row++) own[row] += await next();
          emit(batch);
        },
      };
    },
  }),
};

const spread = {
  kind: 'sink',
  name: 'spread',
  summary: 'Passes rows on to those who want them.',
  options: async () =>
    z.strictObject({
      to: z.record(z.string(), branchOption(Stage.extend({ share: z.number() }), ['share'])),
      rest: branchOption(Stage).optional(),
    }),
  load: async () => ({
    plan(options, _input, problems) {
      globalThis.spreadSaw?.push(options);
      for (const [name, { share }] of Object.entries(options.to)) {
        if (share > 1) problems.add(['to', name, 'share'], `expected at most 1, found ${share}`);
      }
    },
    create: () => ({
      capabilities: { delivery: 'append' },
      write: (batch) => batch.release(),
      flush: () => ({ rows: 0, position: null }),
    }),
  }),
};

export default [beside, spread];
