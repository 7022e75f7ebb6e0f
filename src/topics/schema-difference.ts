import type { Column, Schema } from '../columns/schema.js';

/**
 * Says what keeps rows of one schema from being read as rows of another; `undefined` if nothing does. Columns
 * have the same names, types, values and order; a column may be read as nullable that never is null.
 */
export function schemaDifference(written: Schema, read: Schema): string | undefined {
  if (written.kind !== read.kind) return `expected rows of kind ${read.kind}, found ${written.kind}`;
  const count = Math.max(written.columns.length, read.columns.length);
  for (let i = 0; i < count; i++) {
    const [from, to] = [written.columns[i], read.columns[i]];
    const [found, expected] = [from && described(from), to && described(to)];
    if (found !== expected) {
      return `expected ${expected ?? 'no more columns'} in place ${i + 1}, found ${found ?? 'no more columns'}`;
    }
    if (from?.nullable && !to?.nullable) {
      return `expected column "${from.name}" without nulls, found one that may have some: declare it \`nullable\``;
    }
  }
  return undefined;
}

const described = ({ name, type, values = [] }: Column): string =>
  `a column "${name}" of type ${type}${type === 'enum' ? ` (${values.join(', ')})` : ''}`;
