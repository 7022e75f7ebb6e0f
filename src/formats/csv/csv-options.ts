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
  from: Field.optional().describe(
    'Where the value stands: the name of the field in the header, or its number counted from 1',
  ),
  value: Text.optional().describe('Text columns: the same text in every row'),
  fromFile: z
    .union([z.literal(true), z.string().min(1, regex).max(200, regex)], regex)
    .optional()
    .describe(
      'Text columns: taken from the name of the file. `true`: without folder and extensions; a ' +
        'regular expression: what its one group matches there',
    ),
  type: z
    .enum(
      ['float64', 'int32', 'int64', 'string', 'boolean', 'timestamp'],
      'expected one of float64, int32, int64, string, boolean, timestamp',
    )
    .optional()
    .describe('Type of a column that the kind does not define. Without it, `float64`'),
  unit: z
    .enum(['s', 'ms', 'us', 'ns', 'iso'], 'expected one of s, ms, us, ns, iso')
    .optional()
    .describe(
      'Timestamps: unit of the number, or `iso` (2024-01-31T23:59:00.123456789Z). Without it, ' +
        '`iso`. Numbers may have a fraction; what is finer than 1 ns is cut off',
    ),
  zone: z
    .string('expected a time zone')
    .max(100, 'expected a time zone')
    .optional()
    .describe(
      'Timestamps: time zone of a text without an offset of its own: an IANA name, `UTC`, or an ' +
        'offset like `-05:00`. Without it, `UTC`',
    ),
  date: z
    .union(
      [z.literal('file'), z.iso.date('expected a date like 2024-01-31')],
      'expected "file" or a date like 2024-01-31',
    )
    .optional()
    .describe(
      'Timestamps in numbers: they count from midnight of this day, or with `file`, of the day in ' +
        'the name of the file',
    ),
  anyInstant: z
    .boolean('expected true or false')
    .optional()
    .describe(
      'Timestamps in numbers since 1970: true if times in January 1970 or past the year 2200 are ' +
        'meant, as those of a simulation that counts from 0',
    ),
  divideBy: z
    .number(divisor)
    .positive(divisor)
    .optional()
    .describe(
      'Numbers (`float64`): divided by this, exactly where it is a power of ten: 10000 for prices ' +
        'in hundredths of a cent',
    ),
  empty: z
    .enum(['reject', 'null'], 'expected reject or null')
    .nullable()
    .default('reject')
    .transform((found) => found ?? 'null')
    .describe(
      'Numbers (`float64`) and texts: an empty field makes the row one that cannot be used ' +
        '(`reject`), or means no value (`null`)',
    ),
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
  kind: z
    .enum(['quote', 'trade', 'bar', 'book', 'custom'], 'expected one of quote, trade, bar, book, custom')
    .describe('What a row says; `custom` has the columns that are mapped and no others'),
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
    .describe(
      'Columns by name: the field that each comes from (its name in the header, or its number ' +
        'counted from 1), or an object that says more',
    ),
  delimiter: z
    .string(delimiter)
    .regex(/^[\t !#-*,/:-@[-`{-~]$/, delimiter)
    .default(',')
    .describe('What stands between two fields: one ASCII character, a tab or a blank'),
  header: z
    .union(
      [z.boolean(), z.array(z.string(), text).min(1, 'expected at least one name')],
      'expected true, false or names',
    )
    .default(true)
    .describe(
      'Whether the first line names the fields; or a list of their names, for files without such a ' +
        'line. A row with more or fewer fields than names cannot be used; a delimiter at the end of ' +
        'a line is ignored',
    ),
  comment: z
    .string(text)
    .regex(/^[!-~]{1,8}$/, 'expected 1 to 8 ASCII characters')
    .optional()
    .describe('Lines that begin with this text (1 to 8 ASCII characters) are skipped'),
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
