import type { Column, Schema } from '../../columns/schema.js';
import { DEFAULT_PG_TYPE, type PgType, pgTypeText, WRITABLE_PG_TYPES } from './pg-types.js';

/** One column of a table and the column of the batches that it is written from. */
export interface PgField {
  /** Name of the column in the table. */
  readonly name: string;
  /** The column of the batches. */
  readonly column: Column;
  readonly type: PgType;
  /** `nanos`: the nanoseconds below the microsecond of a timestamp, 0 to 999, as `int2` or `int4`. */
  readonly part?: 'nanos';
  /** Whether the column of the table takes no NULL: a row without a value is then refused. */
  readonly notNull?: boolean;
  /**
   * What becomes of nanoseconds below the microsecond, which PostgreSQL does not keep: the row is refused, or they
   * are left out, as they may where another field has them as its `part`. Default: `refuse`.
   */
  readonly belowMicros?: 'refuse' | 'drop';
  /**
   * Whether a number that the type cannot hold exactly is rounded (half away from zero), and the time of day of a
   * `date` left out. Default: the row is refused.
   */
  readonly rounds?: boolean;
}

/** The fields of a table with all columns of a schema, by their default types. */
export function defaultPgFields(schema: Schema): PgField[] {
  return schema.columns.map((column) => ({
    name: column.name,
    column,
    type: { name: DEFAULT_PG_TYPE[column.type] },
    notNull: column.nullable !== true,
  }));
}

/** What is wrong with a field, if its column cannot be written to its type. */
export function problemOfField({ name, column, type, part }: PgField): string | undefined {
  if (part !== undefined) {
    if (column.type !== 'timestamp')
      return `"${name}": expected a timestamp to take nanoseconds of, found "${column.name}" of type ${column.type}`;
    if (type.name === 'int2' || type.name === 'int4') return undefined;
    return `"${name}": expected int2 or int4 for nanoseconds, found ${pgTypeText(type)}`;
  }
  if ((type.scale ?? 0) < 0)
    return `"${name}": expected a numeric with a scale of 0 or more, found ${pgTypeText(type)}`;
  const types = WRITABLE_PG_TYPES[column.type];
  if (types.includes(type.name)) return undefined;
  return `"${name}": column "${column.name}" of type ${column.type} can be written to ${types.join(', ')}, found ${pgTypeText(type)}`;
}
