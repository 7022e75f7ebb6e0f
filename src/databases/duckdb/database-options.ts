import { z } from 'zod';
import { PATH_CHARS_MAX } from '../../core/glob.js';

const path = 'expected the path of a file';
const table = 'expected a name of at most 63 characters, or two of them with a "." between';
const memory = 'expected 64 to 1048576 megabytes';

/** Path of a database. */
export const DuckDbPath = z
  .string(path)
  .min(1, path)
  .max(PATH_CHARS_MAX, `expected a path of at most ${PATH_CHARS_MAX} characters`);

/** `table` or `schema.table`. */
export const DuckDbTable = z.string(table).regex(/^[^."\0]{1,63}(?:\.[^."\0]{1,63})?$/, table);

/** Memory that DuckDB may use. */
export const DuckDbMemory = z.int(memory).min(64, memory).max(1_048_576, memory).default(1_024);
