import { kindOfColumns } from '../../../columns/kind-of-columns.js';
import { type Column, type Schema, STANDARD_COLUMNS } from '../../../columns/schema.js';
import type { ReadColumn } from '../../../databases/duckdb/read-columns.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { DuckDbMapping, DuckDbSourceOptions } from './options.js';

/** The columns that come out, and where each is read. */
export interface PlannedColumns {
  readonly schema: Schema;
  readonly read: readonly ReadColumn[];
}

/** The columns in the order of the kind, then those that it does not define. */
export function planColumns(
  { kind, columns }: DuckDbSourceOptions,
  problems: PlanProblems = { add() {} },
): PlannedColumns {
  const read: ReadColumn[] = [];
  const rest = new Map(Object.entries(columns));
  if (kind !== 'custom') {
    const { required, optional } = STANDARD_COLUMNS[kind];
    for (const column of [...required, ...optional]) {
      const mapping = rest.get(column.name);
      rest.delete(column.name);
      if (!mapping && !required.includes(column)) continue;
      if (mapping?.type && mapping.type !== column.type) {
        problems.add(['columns', column.name, 'type'], `expected ${column.type}, found ${mapping.type}`);
      }
      read.push({ column: withNull(column, mapping), from: mapping?.from ?? column.name });
    }
  }
  for (const [name, mapping] of rest) {
    const type = mapping.type ?? (name === 'time' ? 'timestamp' : 'float64');
    if (mapping.nullable && type !== 'float64' && type !== 'string') {
      problems.add(
        ['columns', name, 'nullable'],
        `expected a column of type float64 or string, found ${type}`,
      );
    }
    read.push({ column: withNull({ name, type }, mapping), from: mapping.from ?? name });
  }
  if (!read.some(({ column }) => column.name === 'time' && column.type === 'timestamp')) {
    problems.add(['columns'], 'expected a column "time" of type timestamp, by which the rows are ordered');
  }
  const all = read.map(({ column }) => column);
  return { schema: { kind: kindOfColumns(kind, all), columns: all }, read };
}

const withNull = (column: Column, mapping: DuckDbMapping | undefined): Column =>
  mapping?.nullable ? { ...column, nullable: true } : column;
