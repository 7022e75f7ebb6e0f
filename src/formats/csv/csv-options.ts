import { z } from 'zod';
import { durationNs } from '../../settings/duration.js';

const field = 'expected the name of a field or its number, counted from 1';
const fieldNumber = 'expected a field number of 1 or more';
const text = 'expected a text';
const regex = 'expected true, or a regular expression with one group of at most 200 characters';
const divisor = 'expected a number above 0';
const delimiter = 'expected a tab, a blank or one ASCII sign other than a quote, ".", "+" and "-"';
const columnName = 'expected names of columns: at most 63 letters, digits and "_", the first no digit';
const maxJump = 'expected a duration of 1ms to 73000d, such as "400d", or "none"';

const Field = z.union(
  [z.string().min(1, field).max(1_000, field), z.int(fieldNumber).min(1, fieldNumber)],
  field,
);

const Text = z.union([z.string(), z.number()], text).transform(String);

const Mapping = z.strictObject({
  /** Where the value stands: a name of the header, or the number of the field, counted from 1. */
  from: Field.optional().describe('Name of the field in the header, or its number counted from 1'),
  /** Text columns: the same value in every row. */
  value: Text.optional().describe('Text columns: the same value in every row'),
  /**
   * Text columns: taken from the file's name without its folder and extensions; with a regular
   * expression, what its one group matches there.
   */
  fromFile: z
    .union([z.literal(true), z.string().min(1, regex).max(200, regex)], regex)
    .optional()
    .describe("Text columns: the file's name without extensions, or what a regex's group finds in it"),
  /** What an extra column holds. */
  type: z
    .enum(
      ['float64', 'int32', 'int64', 'string', 'boolean', 'timestamp'],
      'expected one of float64, int32, int64, string, boolean, timestamp',
    )
    .optional()
    .describe('Type of a column that the kind does not define; float64 without it'),
  /** Timestamps: how the time is written. Numbers may have a fraction; what is finer than 1 ns is cut off. */
  unit: z
    .enum(['s', 'ms', 'us', 'ns', 'iso'], 'expected one of s, ms, us, ns, iso')
    .optional()
    .describe('Timestamps: unit of the number, or iso (2024-01-31T23:59:00.123456789Z); iso without it'),
  /**
   * Timestamps: whose clock is meant where the text has no offset of its own. Of a time that the
   * clock shows twice in autumn, the order of rows says which one it is; one that it skips in spring
   * counts on from before the jump.
   */
  zone: z
    .string('expected a time zone')
    .max(100, 'expected a time zone')
    .optional()
    .describe('Timestamps: IANA zone, UTC or an offset like -05:00, for times without one; UTC without it'),
  /** Timestamps in numbers: they count from midnight of this day, or of the day in the file's name. */
  date: z
    .union(
      [z.literal('file'), z.iso.date('expected a date like 2024-01-31')],
      'expected "file" or a date like 2024-01-31',
    )
    .optional()
    .describe('Timestamps: numbers count from midnight of this day, or ("file") of the day in the file name'),
  /**
   * Timestamps in numbers since 1970: a file is refused whose first rows (up to 1,000) all fall in
   * January 1970 or past the year 2200, since then the unit or the date is wrong. `true`: they are
   * meant, as those of a simulation that counts from 0.
   */
  anyInstant: z
    .boolean('expected true or false')
    .optional()
    .describe('Timestamps in numbers: true if times in January 1970 or past 2200 are meant'),
  /** Numbers: what they are divided by, exactly where it is a power of ten. */
  divideBy: z
    .number(divisor)
    .positive(divisor)
    .optional()
    .describe('Numbers: divide by this (10000 for prices in hundredths of a cent)'),
  /** What an empty field means: a row that cannot be used, or no value. */
  empty: z
    .enum(['reject', 'null'], 'expected reject or null')
    .nullable()
    .default('reject')
    .transform((found) => found ?? 'null')
    .describe('An empty field: reject the row, or null (no value; numbers and texts only)'),
  /** Columns with a set of values: the texts that stand for each. Replaces the usual ones. */
  values: z
    .record(
      z.string(),
      z.union([Text.transform((one) => [one]), z.array(Text)], 'expected a text or a list of texts'),
    )
    .optional()
    .describe('Columns with a set of values: the texts that stand for each, {buy: [b, "1"]}'),
});

export type ColumnMapping = z.output<typeof Mapping>;

/**
 * Any object, told to editors as a mapping. It is checked as one after the short form was written
 * out: a union of both would only say that neither fits, not which key is wrong.
 */
const AnyMapping = z
  .record(z.string(), z.unknown())
  .meta({ ...z.toJSONSchema(Mapping, { io: 'input' }), $schema: undefined }) as unknown as z.ZodType<
  Record<string, unknown>,
  // What is written must be one, or the check behind this refuses it.
  z.input<typeof Mapping>
>;

/** How delimited text becomes rows: where each column comes from, and how it is written. */
export const CSV_OPTIONS = {
  /** What a row says. */
  kind: z
    .enum(['quote', 'trade', 'bar', 'book', 'custom'], 'expected one of quote, trade, bar, book, custom')
    .describe('What a row says; custom has the columns that are mapped and no others'),
  /** Where each column comes from: a field, or an object that says more. */
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
    .describe('Columns by name: the field that each comes from, or an object that says more'),
  /** What stands between two fields. */
  delimiter: z
    .string(delimiter)
    .regex(/^[\t !#-*,/:-@[-`{-~]$/, delimiter)
    .default(',')
    .describe('What stands between two fields'),
  /** Whether the first line names the fields; or their names, where it does not. */
  header: z
    .union(
      [z.boolean(), z.array(z.string(), text).min(1, 'expected at least one name')],
      'expected true, false or names',
    )
    .default(true)
    .describe('Whether the first line names the fields; or their names, for files without such a line'),
  /** Lines that begin with this are passed over. */
  comment: z
    .string(text)
    .regex(/^[!-~]{1,8}$/, 'expected 1 to 8 ASCII characters')
    .optional()
    .describe('Lines that begin with this are passed over'),
  /**
   * The most, in ns, by which the column `time` may pass from a row of a file to the next. One that
   * lies further ahead cannot be used. Steps back are not looked at.
   */
  maxJump: z
    .union([z.literal('none'), durationNs({ min: '1ms', max: '73000d' })], maxJump)
    .prefault('400d')
    .describe('The most that `time` may pass from a row to the next, such as 400d, or none: no limit'),
};

const CsvOptions = z.object(CSV_OPTIONS);
export type CsvOptions = z.output<typeof CsvOptions>;
