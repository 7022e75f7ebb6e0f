import { z } from 'zod';
import { durationNs } from '../../settings/duration.js';

const field = 'expected the name of a field or its number, counted from 1';
const fieldNumber = 'expected a field number of 1 or more';
const text = 'expected a text';
const names = 'expected 1 to 10000 names';
const regex = 'expected true, or a regular expression with one group of at most 200 characters';
const divisor = 'expected a number above 0';
const delimiter = 'expected a tab, a blank or one ASCII character other than a quote, ".", "+" and "-"';
const columnName =
  'expected column names of at most 63 letters, digits and "_" that do not begin with a digit';
const maxJump = 'expected a duration of 1ms to 73000d, such as "400d", or "none"';

const Field = z.union(
  [z.string().min(1, field).max(1_000, field), z.int(fieldNumber).min(1, fieldNumber)],
  field,
);

const Text = z.union([z.string(), z.number()], text).transform(String);

const Mapping = z.strictObject({
  /** The field of the value: its name in the header, or its number counted from 1. */
  from: Field.optional().describe('Name of the field in the header, or its number counted from 1'),
  /** Text columns: the same value in every row. */
  value: Text.optional().describe('Text columns: the same value in every row'),
  /**
   * Text columns: the value is the file name without folder and extensions; with a regular
   * expression, what its one group matches there.
   */
  fromFile: z
    .union([z.literal(true), z.string().min(1, regex).max(200, regex)], regex)
    .optional()
    .describe("Text columns: the file's name without extensions, or what a regex's group finds in it"),
  /** Type of a column that the kind does not define; float64 by default. */
  type: z
    .enum(
      ['float64', 'int32', 'int64', 'string', 'boolean', 'timestamp'],
      'expected one of float64, int32, int64, string, boolean, timestamp',
    )
    .optional()
    .describe('Type of a column that the kind does not define; float64 without it'),
  /** Timestamps: how the time is written. Numbers may have a fraction; digits finer than 1 ns are cut off. */
  unit: z
    .enum(['s', 'ms', 'us', 'ns', 'iso'], 'expected one of s, ms, us, ns, iso')
    .optional()
    .describe('Timestamps: unit of the number, or iso (2024-01-31T23:59:00.123456789Z); iso without it'),
  /**
   * Timestamps: the time zone of times that are written without an offset. If the clock shows a time
   * twice in autumn, the order of rows decides which one is meant. A time that the clock skips in
   * spring is read with the offset from before the change.
   */
  zone: z
    .string('expected a time zone')
    .max(100, 'expected a time zone')
    .optional()
    .describe('Timestamps: IANA zone, UTC or an offset like -05:00, for times without one; UTC without it'),
  /** Timestamps in numbers: they count from midnight of this day, or of the day in the file name. */
  date: z
    .union(
      [z.literal('file'), z.iso.date('expected a date like 2024-01-31')],
      'expected "file" or a date like 2024-01-31',
    )
    .optional()
    .describe('Timestamps: numbers count from midnight of this day, or ("file") of the day in the file name'),
  /**
   * Timestamps in numbers since 1970: accepts a file whose first rows (up to 1,000) all fall in
   * January 1970 or past the year 2200, such as a simulation that counts from 0. By default, such a
   * file is refused, since its unit or date is probably wrong.
   */
  anyInstant: z
    .boolean('expected true or false')
    .optional()
    .describe('Timestamps in numbers: true if times in January 1970 or past 2200 are meant'),
  /** Numbers: divisor of the values; the division is exact if it is a power of ten. */
  divideBy: z
    .number(divisor)
    .positive(divisor)
    .optional()
    .describe('Numbers: divide by this (10000 for prices in hundredths of a cent)'),
  /** What an empty field means: a bad row, or null. */
  empty: z
    .enum(['reject', 'null'], 'expected reject or null')
    .nullable()
    .default('reject')
    .transform((found) => found ?? 'null')
    .describe('An empty field: reject the row, or null (no value; numbers and texts only)'),
  /** Columns with a set of values: the texts that stand for each value, in place of the usual texts. */
  values: z
    .record(
      z.string(),
      z.union([Text.transform((one) => [one]), z.array(Text)], 'expected a text or a list of texts'),
    )
    .optional()
    .describe(
      'Columns with a set of values, booleans: the texts that stand for each value, `{ buy: [b, ' +
        '"1"] }`. Replaces the usual ones',
    ),
});

export type ColumnMapping = z.output<typeof Mapping>;

/**
 * Accepts any object here, but describes a mapping in the JSON Schema. The object is checked as a
 * mapping after the short form is expanded: a union of both forms could not say which key is wrong.
 */
const AnyMapping = z.record(z.string(), z.unknown()) as unknown as z.ZodType<
  Record<string, unknown>,
  // The cast is true for every accepted spec: the check in `pipe` refuses anything but a mapping.
  z.input<typeof Mapping>
>;
// Made when it is asked for, not whenever this file is loaded.
AnyMapping._zod.toJSONSchema = () => ({ ...z.toJSONSchema(Mapping, { io: 'input' }), $schema: undefined });

/** The options of CSV: where each column comes from, and how it is written. */
export const CSV_OPTIONS = {
  /** What a row means. */
  kind: z
    .enum(['quote', 'trade', 'bar', 'book', 'custom'], 'expected one of quote, trade, bar, book, custom')
    .describe('Kind of the rows; custom has only the columns that are mapped'),
  /** Where each column comes from: a field, or an object with more options. */
  columns: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, columnName),
      z
        .union([Field, AnyMapping], 'expected a field, or an object with from, value or fromFile')
        .transform((found) => (typeof found === 'object' ? found : { from: found }))
        .pipe(Mapping),
      {
        error: ({ code }) =>
          code === 'invalid_key'
            ? columnName
            : 'expected the columns, each with the field that it comes from',
      },
    )
    .refine((columns) => Object.keys(columns).length <= 1_000, 'expected at most 1000 columns')
    .describe('Columns by name: the field that each comes from, or an object with more settings'),
  /** The character between two fields. */
  delimiter: z
    .string(delimiter)
    .regex(/^[\t !#-*,/:-@[-`{-~]$/, delimiter)
    .default(',')
    .describe('The separator between two fields'),
  /** Whether the first line names the fields; or the names, if the file has no such line. */
  header: z
    .union(
      [z.boolean(), z.array(z.string().max(1_000, text), text).min(1, names).max(10_000, names)],
      'expected true, false or names',
    )
    .default(true)
    .describe('Whether the first line names the fields; or their names, for files without such a line'),
  /** Lines that begin with this are skipped. */
  comment: z
    .string(text)
    .regex(/^[!-~]{1,8}$/, 'expected 1 to 8 ASCII characters')
    .optional()
    .describe('Lines that begin with this are passed over'),
  /**
   * The largest step ahead, in ns, that the column `time` may make from one row of a file to the next.
   * A row further ahead is a bad row. Steps back are not limited by it.
   */
  maxJump: z
    .union([z.literal('none'), durationNs({ min: '1ms', max: '73000d' })], maxJump)
    .prefault('400d')
    .describe(
      'The most that `time` may pass from a row of a file to the next, or `none`. A row that lies ' +
        'further ahead cannot be used; steps back are not looked at',
    ),
};

const CsvOptions = z.object(CSV_OPTIONS);
export type CsvOptions = z.output<typeof CsvOptions>;
