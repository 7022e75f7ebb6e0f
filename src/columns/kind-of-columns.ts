import { type Column, type RowKind, STANDARD_COLUMNS } from './schema.js';

/**
 * Returns the kind of rows after their columns have changed. The kind stays the same if every
 * required column is present and no standard column has another type; otherwise it is `custom`.
 * Whether a column is nullable does not matter.
 */
export function kindOfColumns(kind: RowKind, columns: readonly Column[]): RowKind {
  if (kind === 'custom') return kind;
  const { required, optional } = STANDARD_COLUMNS[kind];
  const find = (name: string) => columns.find((column) => column.name === name);
  const keeps =
    required.every((standard) => isSameType(standard, find(standard.name))) &&
    optional.every((standard) => {
      const column = find(standard.name);
      return column === undefined || isSameType(standard, column);
    });
  return keeps ? kind : 'custom';
}

function isSameType(standard: Column, column: Column | undefined): boolean {
  if (column?.type !== standard.type) return false;
  return standard.type !== 'enum' || String(standard.values) === String(column.values);
}
