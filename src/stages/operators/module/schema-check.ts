import type { Column, ColumnType, Schema } from '../../../columns/schema.js';
import { describeValue } from '../../../core/shown-text.js';

const TYPES: ReadonlySet<unknown> = new Set<ColumnType>([
  'timestamp',
  'int64',
  'float64',
  'int32',
  'string',
  'enum',
  'boolean',
]);
const KINDS: ReadonlySet<unknown> = new Set(['quote', 'trade', 'bar', 'book', 'custom']);

/** Why a value from the user's code is not a schema; `undefined` if it is one. */
export function schemaComplaint(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `found ${describeValue(value)}`;
  const { kind, columns } = value as Partial<Schema>;
  if (!KINDS.has(kind)) return 'found a schema whose "kind" is none of quote, trade, bar, book, custom';
  if (!Array.isArray(columns)) return 'found a schema without a list of "columns"';
  const names = new Set<string>();
  for (const column of columns as Partial<Column>[]) {
    if (typeof column?.name !== 'string' || column.name === '') return 'found a column without a name';
    if (!TYPES.has(column.type)) return `found a column "${column.name}" of unknown type`;
    if (column.type === 'enum' && (!Array.isArray(column.values) || column.values.length > 256)) {
      return `found an enum "${column.name}" without a list of at most 256 values`;
    }
    if (names.has(column.name)) return `found two columns "${column.name}"`;
    names.add(column.name);
  }
  return undefined;
}

/** Whether both schemas have the same columns, by name, type, values and dictionary. */
export function hasSameColumns(a: Schema, b: Schema): boolean {
  if (a === b) return true;
  return (
    a.columns.length === b.columns.length &&
    a.columns.every((column, i) => {
      const other = b.columns[i]!;
      return (
        column.name === other.name &&
        column.type === other.type &&
        (column.dictionary ?? column.name) === (other.dictionary ?? other.name) &&
        String(column.values) === String(other.values)
      );
    })
  );
}
