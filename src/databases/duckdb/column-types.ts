import type { Column } from '../../columns/schema.js';

/** How values of a column are held in DuckDB, as far as rows can be written to it. */
export type DuckDbType =
  | { readonly name: 'TIMESTAMP_NS' | 'TIMESTAMP' | 'TIMESTAMP WITH TIME ZONE' }
  | { readonly name: 'TINYINT' | 'SMALLINT' | 'INTEGER' | 'BIGINT' }
  | { readonly name: 'DOUBLE' | 'FLOAT' | 'VARCHAR' | 'BOOLEAN' }
  | { readonly name: 'DECIMAL'; readonly width: number; readonly scale: number };

type TypeName = DuckDbType['name'];

const WHOLE = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT'] as const;

/** The types that values of each type can be written to, the usual one first. */
export const TYPES_OF: Readonly<Record<Column['type'], readonly [TypeName, ...TypeName[]]>> = {
  timestamp: ['TIMESTAMP_NS', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'],
  int64: ['BIGINT', 'TINYINT', 'SMALLINT', 'INTEGER', 'DECIMAL'],
  int32: ['INTEGER', 'TINYINT', 'SMALLINT', 'BIGINT', 'DECIMAL'],
  float64: ['DOUBLE', 'FLOAT', 'DECIMAL', ...WHOLE],
  string: ['VARCHAR'],
  enum: ['VARCHAR'],
  boolean: ['BOOLEAN'],
};

const OTHER_NAMES: Readonly<Record<string, TypeName>> = {
  TIMESTAMPTZ: 'TIMESTAMP WITH TIME ZONE',
  TEXT: 'VARCHAR',
  REAL: 'FLOAT',
  INT: 'INTEGER',
  BOOL: 'BOOLEAN',
};
const DECIMAL = /^(?:DECIMAL|NUMERIC)\s*\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\)$/;
const DECIMAL_WIDTH_MAX = 38;

/**
 * Reads a type as DuckDB writes it.
 *
 * @returns `undefined` for one that no rows can be written to.
 */
export function parseType(text: string): DuckDbType | undefined {
  const upper = text.trim().toUpperCase();
  const decimal = DECIMAL.exec(upper);
  if (decimal) {
    const width = Number(decimal[1]);
    const scale = Number(decimal[2] ?? 0);
    if (width < 1 || width > DECIMAL_WIDTH_MAX || scale > width) return undefined;
    return { name: 'DECIMAL', width, scale };
  }
  const name = OTHER_NAMES[upper] ?? upper;
  const isKnown = Object.values(TYPES_OF).some((types) => types.some((type) => type === name));
  if (!isKnown || name === 'DECIMAL') return undefined;
  return { name } as DuckDbType; // the check above says so
}

export const typeText = (type: DuckDbType): string =>
  type.name === 'DECIMAL' ? `DECIMAL(${type.width},${type.scale})` : type.name;

/** The type that a column gets in a new table, if none is asked for. */
export const usualType = ({ type }: Column): DuckDbType => ({ name: TYPES_OF[type][0] }) as DuckDbType;

export const canHold = (type: DuckDbType, column: Column): boolean =>
  TYPES_OF[column.type].includes(type.name);
