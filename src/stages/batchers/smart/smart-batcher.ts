import { bytesPerRow, type ColumnType, findColumn, type Schema } from '../../../columns/schema.js';
import { cutText } from '../../../core/shown-text.js';
import type { BatcherFactory, PlanProblems } from '../../../engine/factories.js';
import { batchLimits } from './batch-limits.js';
import { KeyedBatcher } from './keyed-batcher.js';
import type { BatcherOptions } from './options.js';
import { PlainBatcher } from './plain-batcher.js';

/**
 * Groups rows until a batch has enough rows or bytes, or its first row has waited long enough. With
 * `key`, the rows of each value are grouped separately. A limit is checked before a row is added, so that
 * no batch exceeds it.
 */
export const smartBatcher: BatcherFactory<BatcherOptions> = {
  plan(options, input, problems) {
    const bytes = bytesPerRow(input);
    if (bytes > options.maxBytes) {
      problems.add(['maxBytes'], `expected at least the ${bytes} bytes of a row, found ${options.maxBytes}`);
    }
    if (options.key !== undefined) checkKey(options.key, input, problems);
  },
  create(options, input, { clock, dictionaries }) {
    const limits = batchLimits(options, input);
    if (options.key === undefined) return new PlainBatcher(limits, input, clock, dictionaries);
    const settings = { limits, key: options.key, keysMax: options.maxKeys };
    return new KeyedBatcher(settings, input, clock, dictionaries);
  },
};

const KEY_TYPES: readonly ColumnType[] = ['string', 'enum', 'boolean', 'int32'];

function checkKey(key: string, input: Schema, problems: PlanProblems): void {
  const column = findColumn(input, key);
  if (!column) {
    const names = input.columns.map(({ name }) => `"${name}"`).join(', ');
    problems.add(['key'], `expected the name of a column (${names}), found "${cutText(key)}"`);
  } else if (!KEY_TYPES.includes(column.type)) {
    problems.add(['key'], `expected a column of type ${KEY_TYPES.join(', ')}, found ${column.type}`);
  }
}
