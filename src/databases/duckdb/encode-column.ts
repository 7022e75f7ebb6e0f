import type { Dictionary } from '../../columns/dictionary.js';
import type { Column } from '../../columns/schema.js';
import type { DuckDbType } from './column-types.js';
import { checkDecimals, decimalEncoder } from './encode-decimals.js';
import { checkInstants, copyInstants, microsEncoder } from './encode-instants.js';
import { checkNumbers, numberEncoder } from './encode-numbers.js';
import { TextEncoderOfColumn } from './encode-texts.js';
import { type ColumnEncoder, copied } from './encoded-rows.js';

interface EncoderOptions {
  /** Whether numbers are rounded to what their type holds. */
  readonly rounds: boolean;
  /** Most rows of one call of `encode`. */
  readonly rowsMax: number;
}

export function columnEncoder(
  column: Column,
  type: DuckDbType,
  dictionary: Dictionary | undefined,
  { rounds, rowsMax }: EncoderOptions,
): ColumnEncoder {
  switch (column.type) {
    case 'timestamp':
      if (type.name === 'TIMESTAMP_NS') return { check: checkInstants, encode: copyInstants };
      return microsEncoder(rowsMax);
    case 'string':
    case 'enum':
      return new TextEncoderOfColumn(column, dictionary, rowsMax);
    case 'boolean':
      return { encode: (data, start, rows) => copied(data, start, rows, 1) };
    default:
      if (type.name === 'DECIMAL') {
        return {
          check: (data, rows, refuse) => checkDecimals(column, type, rounds, data, rows, refuse),
          encode: decimalEncoder(column, type, rounds, rowsMax),
        };
      }
      return {
        check: (data, rows, refuse) => checkNumbers(column, type, rounds, data, rows, refuse),
        encode: numberEncoder(column, type, rowsMax),
      };
  }
}
