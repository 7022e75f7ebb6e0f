/** Random expressions, each with a plain evaluation over one row beside its text. */
import fc from 'fast-check';
import type { Row } from '../../src/columns/row-view.js';

/** `text` in the language; `of` what it means, null being null. */
export interface Sample<Value> {
  readonly text: string;
  readonly of: (row: Row) => Value;
}

type NumberSample = Sample<number | null>;
type StringSample = Sample<string | null>;
type BooleanSample = Sample<boolean>;

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

const literal = fc
  .constantFrom(0, 1, 2, 3, 0.5, 0.1, 7, 100, 1e-3, 1e15)
  .map((value): NumberSample => ({ text: String(value), of: () => value }));

const numberColumn = fc.constantFrom('bid', 'ask', 'count', 'id', '`bid`').map(
  (text): NumberSample => ({
    text,
    of: (row) => {
      const value = row[text.replaceAll('`', '')]!;
      return value === null ? null : Number(value);
    },
  }),
);

const stringColumn = fc
  .constantFrom('symbol', 'venue', 'side')
  .map((text): StringSample => ({ text, of: (row) => row[text] as string | null }));

/** Some are in the rows, some never. */
export const STRINGS = ['EUR/USD', 'GBP/USD', 'XNAS', "it's", 'never', ''];

const stringLiteral = fc
  .constantFrom(...STRINGS)
  .map((text): StringSample => ({ text: `'${text.replaceAll("'", "''")}'`, of: () => text }));

const compare: Record<string, (a: never, b: never) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => a === b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<>': (a, b) => a !== b,
};

const arithmetic: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};

const unary: Record<string, (a: number) => number> = {
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  sqrt: Math.sqrt,
  log: Math.log,
  log10: Math.log10,
  exp: Math.exp,
  sign: Math.sign,
  '-': (a) => -a,
};

const compared = <T extends number | string | bigint>(op: string, a: T | null, b: T | null): boolean =>
  a !== null && b !== null && compare[op]!(a as never, b as never);

/** A type and not an interface: `letrec` wants a record. */
type Samples = {
  number: NumberSample;
  string: StringSample;
  boolean: BooleanSample;
};

const INSTANTS = [
  '1970-01-01T00:00:00Z',
  '2024-03-01T10:30:00.000000001+01:00',
  '1969-12-31T23:59:59.999999999Z',
];
const NANOS: Record<string, bigint> = {
  [INSTANTS[0]!]: 0n,
  [INSTANTS[1]!]: 1_709_285_400_000_000_001n,
  [INSTANTS[2]!]: -1n,
};
/** Instants of which rows are made, so that equality happens. */
export const ROW_INSTANTS = [...Object.values(NANOS), 1n, 2n ** 32n, -(2n ** 32n), 2n ** 31n];
/** Whole numbers around the edges of words and of a double's exact ones. */
export const ROW_INTEGERS = [
  0n,
  1n,
  -1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 31n,
  2n ** 32n,
  -(2n ** 63n),
  2n ** 63n - 1n,
];

const expressions = fc.letrec<Samples>((tie) => ({
  number: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'expression' },
    numberColumn,
    literal,
    fc.tuple(fc.constantFrom(...Object.keys(arithmetic)), tie('number'), tie('number')).map(
      ([op, a, b]): NumberSample => ({
        text: `(${a.text} ${op} ${b.text})`,
        of: (row) => {
          const [x, y] = [a.of(row), b.of(row)];
          return x === null || y === null ? null : orNull(arithmetic[op]!(x, y));
        },
      }),
    ),
    fc.tuple(fc.constantFrom(...Object.keys(unary)), tie('number')).map(
      ([name, a]): NumberSample => ({
        text: `${name}(${a.text})`,
        of: (row) => {
          const x = a.of(row);
          return x === null ? null : orNull(unary[name]!(x));
        },
      }),
    ),
    fc.tuple(fc.constantFrom('min', 'max'), tie('number'), tie('number'), tie('number')).map(
      ([name, ...args]): NumberSample => ({
        text: `${name}(${args.map((arg) => arg.text).join(', ')})`,
        of: (row) => {
          const values = args.map((arg) => arg.of(row));
          if (values.includes(null)) return null;
          return name === 'min' ? Math.min(...(values as number[])) : Math.max(...(values as number[]));
        },
      }),
    ),
    fc.tuple(tie('number'), tie('number')).map(
      ([a, b]): NumberSample => ({
        text: `coalesce(${a.text}, ${b.text})`,
        of: (row) => a.of(row) ?? b.of(row),
      }),
    ),
    fc.tuple(tie('boolean'), tie('number'), tie('number')).map(
      ([c, a, b]): NumberSample => ({
        text: `if(${c.text}, ${a.text}, ${b.text})`,
        of: (row) => (c.of(row) ? a.of(row) : b.of(row)),
      }),
    ),
    fc.tuple(tie('boolean'), tie('number')).map(
      ([c, a]): NumberSample => ({
        text: `if(${c.text}, null, ${a.text})`,
        of: (row) => (c.of(row) ? null : a.of(row)),
      }),
    ),
  ),
  string: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'expression' },
    stringColumn,
    stringLiteral,
    fc.tuple(tie('boolean'), tie('string'), tie('string')).map(
      ([c, a, b]): StringSample => ({
        text: `if(${c.text}, ${a.text}, ${b.text})`,
        of: (row) => (c.of(row) ? a.of(row) : b.of(row)),
      }),
    ),
  ),
  boolean: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'expression' },
    fc.tuple(fc.constantFrom(...Object.keys(compare)), tie('number'), tie('number')).map(
      ([op, a, b]): BooleanSample => ({
        text: `(${a.text} ${op} ${b.text})`,
        of: (row) => compared(op, a.of(row), b.of(row)),
      }),
    ),
    fc.constantFrom('flag', 'true', 'false').map(
      (text): BooleanSample => ({
        text,
        of: (row) => (text === 'flag' ? (row.flag as boolean) : text === 'true'),
      }),
    ),
    fc
      .tuple(fc.constantFrom('==', '!='), tie('string'), tie('string'))
      // A value that the enum does not have is refused, and tested elsewhere.
      .filter(
        ([, a, b]) =>
          ![a, b].some(({ text }) => text === 'side') || ![a, b].some(({ text }) => text.startsWith("'")),
      )
      .map(
        ([op, a, b]): BooleanSample => ({
          text: `(${a.text} ${op} ${b.text})`,
          of: (row) => compared(op, a.of(row), b.of(row)),
        }),
      ),
    fc.constantFrom('buy', 'sell').map(
      (value): BooleanSample => ({
        text: `(side != '${value}')`,
        of: (row) => row.side !== value,
      }),
    ),
    fc
      .tuple(
        fc.boolean(),
        tie('number'),
        fc.uniqueArray(literal, { minLength: 1, selector: ({ text }) => text }),
      )
      .map(
        ([not, a, items]): BooleanSample => ({
          text: `(${a.text} ${not ? 'not ' : ''}in (${items.map((item) => item.text).join(', ')}))`,
          of: (row) => {
            const value = a.of(row);
            return value !== null && items.some((item) => item.of(row) === value) !== not;
          },
        }),
      ),
    fc
      .tuple(fc.boolean(), tie('string'), fc.array(stringLiteral, { minLength: 1, maxLength: 4 }))
      .filter(([, a]) => a.text !== 'side')
      .map(
        ([not, a, items]): BooleanSample => ({
          text: `(${a.text} ${not ? 'not ' : ''}in (${items.map((item) => item.text).join(', ')}))`,
          of: (row) => {
            const value = a.of(row);
            return value !== null && items.some((item) => item.of(row) === value) !== not;
          },
        }),
      ),
    fc.tuple(fc.boolean(), tie('number'), tie('number'), tie('number')).map(
      ([not, a, low, high]): BooleanSample => ({
        text: `(${a.text} ${not ? 'not ' : ''}between ${low.text} and ${high.text})`,
        of: (row) => {
          const [x, l, h] = [a.of(row), low.of(row), high.of(row)];
          if (not) return compared('<', x, l) || compared('>', x, h);
          return compared('>=', x, l) && compared('<=', x, h);
        },
      }),
    ),
    fc.tuple(fc.boolean(), fc.oneof(tie('number'), tie('string'))).map(
      ([not, a]): BooleanSample => ({
        text: `(${a.text} is ${not ? 'not ' : ''}null)`,
        of: (row) => (a.of(row) === null) !== not,
      }),
    ),
    fc.tuple(fc.constantFrom(...Object.keys(compare)), fc.constantFrom(...INSTANTS), fc.boolean()).map(
      ([op, text, turned]): BooleanSample => ({
        text: turned ? `('${text}' ${op} time)` : `(time ${op} '${text}')`,
        of: (row) =>
          turned
            ? compared(op, NANOS[text]!, row.time as bigint)
            : compared(op, row.time as bigint, NANOS[text]!),
      }),
    ),
    fc.constantFrom(...Object.keys(compare)).map(
      (op): BooleanSample => ({
        text: `(time ${op} received)`,
        of: (row) => compared(op, row.time as bigint, row.received as bigint),
      }),
    ),
    fc.tuple(fc.constantFrom(...Object.keys(compare)), fc.constantFrom(...ROW_INTEGERS)).map(
      ([op, value]): BooleanSample => ({
        text: `(id ${op} ${value})`,
        of: (row) => compared(op, row.id as bigint, value),
      }),
    ),
    fc
      .tuple(
        fc.constantFrom('and', 'or', '&&', '||'),
        fc.array(tie('boolean'), { minLength: 2, maxLength: 4 }),
      )
      .map(
        ([op, parts]): BooleanSample => ({
          text: `(${parts.map((part) => part.text).join(` ${op} `)})`,
          of: (row) => {
            const values = parts.map((part) => part.of(row));
            return op === 'and' || op === '&&' ? values.every(Boolean) : values.some(Boolean);
          },
        }),
      ),
    fc.tuple(fc.constantFrom('not ', '!'), tie('boolean')).map(
      ([op, a]): BooleanSample => ({
        text: `(${op}${a.text})`,
        of: (row) => !a.of(row),
      }),
    ),
    fc.tuple(fc.constantFrom('==', '!='), tie('boolean'), tie('boolean')).map(
      ([op, a, b]): BooleanSample => ({
        text: `((${a.text}) ${op} (${b.text}))`,
        of: (row) => (a.of(row) === b.of(row)) === (op === '=='),
      }),
    ),
    fc.tuple(tie('boolean'), tie('boolean'), tie('boolean')).map(
      ([c, a, b]): BooleanSample => ({
        text: `if(${c.text}, ${a.text}, ${b.text})`,
        of: (row) => (c.of(row) ? a.of(row) : b.of(row)),
      }),
    ),
  ),
}));

export const numberSample: fc.Arbitrary<NumberSample> = expressions.number;
export const stringSample: fc.Arbitrary<StringSample> = expressions.string;
export const booleanSample: fc.Arbitrary<BooleanSample> = expressions.boolean;

const float = fc.oneof(
  fc.constantFrom(null, 0, -0, 1, 2, 0.5, 100, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.double({ noNaN: true }),
);
const string = fc.constantFrom(null, 'EUR/USD', 'GBP/USD', 'XNAS', "it's", 'buy', '');

/** Rows of `MIXED`. */
export const mixedRow = fc.record({
  time: fc.constantFrom(...ROW_INSTANTS),
  received: fc.constantFrom(...ROW_INSTANTS),
  symbol: string,
  venue: string,
  bid: float,
  ask: float,
  count: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(2_147_483_647, -2_147_483_648)),
  id: fc.constantFrom(...ROW_INTEGERS),
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  flag: fc.boolean(),
});
