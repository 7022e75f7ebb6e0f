import type { Column } from '../../columns/schema.js';
import { parseType } from './column-types.js';
import { quoteName } from './quote-name.js';

/** A column of the rows, and where its values are in the database. */
export interface ReadColumn {
  readonly column: Column;
  /** Name of the column of the table or query. */
  readonly from: string;
}

/** How a column is selected, so that its values come in one of a few forms. */
export interface SelectedColumn extends ReadColumn {
  /** SQL of the value. */
  readonly select: string;
  /** What a value of a timestamp counts. */
  readonly unit: 'ns' | 'us';
}

const INTEGERS = ['TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT'];
/** Digits of a decimal that a double tells apart from all others of as many digits. */
const DECIMAL_DIGITS_MAX = 15;
/** A microsecond further from 1970 has no 64-bit number of nanoseconds. */
export const MICROS_MAX = 9_223_372_036_854_775n;
const MICROS = ['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMP_MS', 'TIMESTAMP_S'];

/**
 * Finds out how a column is to be selected.
 *
 * @param type - Of the column in the database, as DuckDB writes it.
 * @returns What was expected, if its values cannot be read exactly.
 */
export function selectedColumn(read: ReadColumn, type: string): SelectedColumn | string {
  const name = quoteName(read.from);
  const as = (select: string, unit: 'ns' | 'us' = 'ns'): SelectedColumn => ({ ...read, select, unit });
  switch (read.column.type) {
    case 'timestamp':
      if (type === 'TIMESTAMP_NS') return as(`epoch_ns(${name})`);
      return MICROS.includes(type) ? as(`epoch_us(${name})`, 'us') : `TIMESTAMP_NS, ${MICROS.join(', ')}`;
    case 'int32':
      return INTEGERS.includes(type) ? as(`${name}::INTEGER`) : INTEGERS.join(', ');
    case 'int64': {
      const types = [...INTEGERS, 'UINTEGER', 'BIGINT'];
      return types.includes(type) ? as(`${name}::BIGINT`) : types.join(', ');
    }
    case 'float64': {
      const types = [...INTEGERS, 'UINTEGER', 'FLOAT', 'DOUBLE'];
      const found = parseType(type);
      const isDecimal = found?.name === 'DECIMAL' && found.width <= DECIMAL_DIGITS_MAX;
      if (types.includes(type) || isDecimal) return as(`${name}::DOUBLE`);
      return `${types.join(', ')}, or DECIMAL of at most ${DECIMAL_DIGITS_MAX} digits`;
    }
    case 'boolean':
      return type === 'BOOLEAN' ? as(name) : 'BOOLEAN';
    default:
      return type === 'VARCHAR' || type.startsWith('ENUM(') ? as(`${name}::VARCHAR`) : 'VARCHAR, ENUM';
  }
}
