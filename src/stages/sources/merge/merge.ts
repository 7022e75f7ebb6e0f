import type { Schema } from '../../../columns/schema.js';
import { invariant } from '../../../core/invariant.js';
import type { SourceFactory } from '../../../engine/factories.js';
import { MergeSource } from './merge-source.js';
import { mergedSchema } from './merged-schema.js';
import type { MergeOptions } from './options.js';

const NO_COLUMNS: Schema = { kind: 'custom', columns: [] };

/** Factory of the source `merge`. */
export const mergeSource: SourceFactory<MergeOptions> = {
  plan: (_options, problems, { inputs }) => mergedSchema(inputs, problems) ?? NO_COLUMNS,
  create(options, context) {
    const schema = mergedSchema(
      Object.fromEntries(Object.entries(context.inputs).map(([id, input]) => [id, input.schema])),
    );
    invariant(schema !== undefined, 'a merge has sources');
    return new MergeSource(options, schema, context);
  },
};
