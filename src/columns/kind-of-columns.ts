import { type Column, type RowKind, STANDARD_COLUMNS } from './schema.js';

/**
 * The kind that rows still are once their columns have changed: the same while every required
 * column is there, and no standard column has another type; else `custom`. That a column may now
 * be null does not change the kind.
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
