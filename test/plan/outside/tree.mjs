// A component from outside of the package that reads an input of its own.
import { z } from 'zod';
import { inputOption } from '../../../src/engine/component.ts';

const Stage = z.looseObject({ use: z.string() });

export default {
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
