// Components with stages inside them: an operator that reads a second source, and a sink with a branch. And a
// batcher that waits for nothing.
// @ts-check
import { branchOption, defineComponent, inputOption } from 'tickloom/stages';

const schemas = async () => (await import('zod')).z;

const withLots = defineComponent({
  kind: 'operator',
  name: 'with-lots',
  summary: 'Adds the value of a trade in lots, by a table of lot sizes.',
  options: async () => {
    const z = await schemas();
    // Its own options, its operators and its files are checked like those of every source.
    const table = inputOption('source', z.looseObject({ use: z.string() }));
    return z.strictObject({ table: table.describe('Source of the lot sizes, with `symbol` and `size`') });
  },
  load: async () => (await import('./with-lots.mjs')).withLots,
});

const sampled = defineComponent({
  kind: 'sink',
  name: 'sampled',
  summary: 'Passes one batch of some on to another sink.',
  options: async () => {
    const z = await schemas();
    return z.strictObject({
      every: z.int().min(1).default(10).describe('One batch of so many is passed on'),
      to: branchOption(z.looseObject({ use: z.string() })).describe(
        'Sink with operators and a batcher of its own',
      ),
    });
  },
  facts: () => ({ leavesRowsUnrouted: true }),
  load: async () => (await import('./sampled.mjs')).sampled,
});

const atOnce = defineComponent({
  kind: 'batcher',
  name: 'at-once',
  summary: 'Passes batches on as they come.',
  options: async () => (await schemas()).strictObject({}),
  load: async () => (await import('./at-once.mjs')).atOnce,
});

export default [withLots, sampled, atOnce];
