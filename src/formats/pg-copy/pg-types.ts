import type { ColumnType } from '../../columns/schema.js';

/** The PostgreSQL types that are read and written. */
export type PgTypeName =
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'text'
  | 'varchar'
  | 'bool';

/** Their object ids, which are the same in every database (`pg_type.dat` of PostgreSQL). */
export const PG_OIDS: Readonly<Record<PgTypeName, number>> = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  float4: 700,
  float8: 701,
  varchar: 1043,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
};

const NAME_OF_OID: ReadonlyMap<number, PgTypeName> = new Map(
  (Object.keys(PG_OIDS) as PgTypeName[]).map((name) => [PG_OIDS[name], name]),
);

/** The type of an object id; `undefined` if it is not read or written. */
export const pgTypeOf = (oid: number): PgTypeName | undefined => NAME_OF_OID.get(oid);

/** A type with what limits its values. */
export interface PgType {
  readonly name: PgTypeName;
  /** Of `numeric(p, s)`: all digits. Unset without a limit. */
  readonly precision?: number | undefined;
  /** Of `numeric(p, s)`: digits after the point. */
  readonly scale?: number | undefined;
  /** Of `varchar(n)`: characters. */
  readonly characters?: number | undefined;
}

const HEADER_OF_TYPMOD = 4;

/**
 * The type of a column as the catalogue tells of it.
 *
 * @param typmod - `atttypmod`; −1 without a limit.
 * @returns `undefined` for a type that is not read or written.
 */
export function pgTypeOfColumn(oid: number, typmod: number): PgType | undefined {
  const name = pgTypeOf(oid);
  if (name === undefined) return undefined;
  if (typmod < HEADER_OF_TYPMOD) return { name };
  const limit = typmod - HEADER_OF_TYPMOD;
  if (name === 'varchar') return { name, characters: limit };
  // The scale takes eleven bits and may be negative (numeric.c, `numeric_typmod_scale`).
  if (name === 'numeric') return { name, precision: limit >>> 16, scale: ((limit & 0x7ff) ^ 1024) - 1024 };
  return { name };
}

/** A type as SQL. */
export function pgTypeText({ name, precision, scale, characters }: PgType): string {
  if (precision !== undefined) return `numeric(${precision},${scale ?? 0})`;
  return characters === undefined ? name : `varchar(${characters})`;
}

/** The type that a column is written to unless another one is asked for. */
export const DEFAULT_PG_TYPE: Readonly<Record<ColumnType, PgTypeName>> = {
  timestamp: 'timestamptz',
  int64: 'int8',
  float64: 'float8',
  int32: 'int4',
  string: 'text',
  enum: 'text',
  boolean: 'bool',
};

/** The types that a column can be written to, its default first. Values that do not fit are refused by row. */
export const WRITABLE_PG_TYPES: Readonly<Record<ColumnType, readonly PgTypeName[]>> = {
  timestamp: ['timestamptz', 'timestamp', 'date', 'int8'],
  int64: ['int8', 'int4', 'int2', 'numeric', 'float8'],
  float64: ['float8', 'float4', 'numeric', 'int8', 'int4', 'int2'],
  int32: ['int4', 'int8', 'int2', 'numeric', 'float8', 'float4'],
  string: ['text', 'varchar'],
  enum: ['text', 'varchar'],
  boolean: ['bool'],
};

/** The types that a column can be read from. Values that do not fit are refused by row. */
export const READABLE_PG_TYPES: Readonly<Record<ColumnType, readonly PgTypeName[]>> = {
  timestamp: ['timestamptz', 'timestamp', 'date'],
  int64: ['int8', 'int4', 'int2'],
  float64: ['float8', 'float4', 'numeric', 'int8', 'int4', 'int2'],
  int32: ['int4', 'int2'],
  string: ['text', 'varchar'],
  enum: ['text', 'varchar'],
  boolean: ['bool'],
};
