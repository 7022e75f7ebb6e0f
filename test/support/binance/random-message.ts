import fc from 'fast-check';
import type { PlainOptions } from './plain-decoder.js';

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT', '1000SHIBUSDT', 'BTCUSDT_240927', 'A'];

const digits = (min: number, max: number) =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: min, maxLength: max }).map((all) => all.join(''));

/** Decimals as the venue writes them, and as nobody should. */
const decimal = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(99_999), digits(1, 8)).map(([whole, rest]) => `${whole}.${rest}`) },
  { weight: 1, arbitrary: fc.nat().map(String) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  { weight: 1, arbitrary: fc.tuple(digits(1, 30), digits(0, 30)).map(([whole, rest]) => `${whole}.${rest}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('1e5', '1E-7', '+5', '-0.0', '.5', '5.', '1e400', '1e-400', '007', '0.1e+2'),
  },
);

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    ' 1',
    '1 ',
    '0x10',
    'NaN',
    'Infinity',
    '1,5',
    null,
    true,
    1.5,
    -1,
    {},
    [],
    '½',
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

const whole = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 1_900_000_000_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 999_999_999_999_999, 1_000_000_000_000_000, 2 ** 53 - 1, 2 ** 53, 1e21),
  },
);

const levels = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.tuple(decimal, decimal) as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: fc.tuple(decimal, decimal, fc.constant([])) },
    { weight: 1, arbitrary: odd },
  ),
  { maxLength: 5 },
);

function fieldsOf({ kind, market }: PlainOptions): Record<string, fc.Arbitrary<unknown>> {
  const s = fc.constantFrom(...SYMBOLS);
  const m = fc.boolean();
  const isUsdm = market === 'usdm';
  switch (kind) {
    case 'trade': {
      const X = fc.constantFrom('MARKET', 'MARKET', 'INSURANCE_FUND', 'NA', 'MARKETS');
      const e = fc.constant(kind);
      return { e, E: whole, T: whole, s, t: whole, p: decimal, q: decimal, ...(isUsdm && { X }), m };
    }
    case 'aggTrade':
      return {
        e: fc.constant(kind),
        E: whole,
        s,
        a: whole,
        p: decimal,
        q: decimal,
        f: whole,
        l: whole,
        T: whole,
        m,
      };
    case 'bookTicker': {
      const base = { u: whole, s, b: decimal, B: decimal, a: decimal, A: decimal };
      return isUsdm ? { e: fc.constant(kind), ...base, T: whole, E: whole } : base;
    }
    case 'kline': {
      const k = fc
        .record({
          t: whole,
          T: whole,
          s,
          i: fc.constantFrom('1m', '1m', '1m', '1m', '1m', '1s'),
          f: fc.constantFrom(-1, 100, 100, 100),
          L: whole,
          o: decimal,
          c: decimal,
          h: decimal,
          l: decimal,
          v: decimal,
          n: whole,
          x: fc.constantFrom(true, true, false),
          q: decimal,
          V: decimal,
          Q: decimal,
          B: fc.constant('0'),
        })
        .chain((fields) => changed(Object.entries(fields)))
        .map((entries) => new Members(entries));
      return { e: fc.constant(kind), E: whole, s, k };
    }
    case 'depthUpdate': {
      const base = { e: fc.constant(kind), E: whole, s, U: whole, u: whole, b: levels, a: levels };
      return isUsdm ? { ...base, T: whole, pu: whole } : base;
    }
  }
}

type Entry = readonly [key: string, value: unknown];

/** An object in a message, whose keys may come twice. */
class Members {
  readonly entries: readonly Entry[];

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
  }
}

const shuffled = (entries: readonly Entry[]) =>
  fc.shuffledSubarray([...entries], { minLength: entries.length, maxLength: entries.length });

/** What is done to the fields of a message: mostly nothing, so that most messages are rows. */
function changed(entries: readonly Entry[]): fc.Arbitrary<readonly Entry[]> {
  const at = fc.nat(entries.length - 1);
  const key = fc.constantFrom(
    'st',
    'ps',
    'nq',
    'M',
    'x',
    'data',
    'pu',
    'X',
    'e',
    'id',
    'result',
    'code',
    '__proto__',
    'é',
  );
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(entries) },
    { weight: 4, arbitrary: shuffled(entries) },
    { weight: 2, arbitrary: at.map((i) => entries.filter((_, j) => j !== i)) },
    { weight: 3, arbitrary: fc.tuple(at, odd).map(([i, value]) => entries.with(i, [entries[i]![0], value])) },
    {
      weight: 3,
      arbitrary: fc.tuple(at, key, odd).map(([i, name, value]) => entries.toSpliced(i, 0, [name, value])),
    },
    { weight: 2, arbitrary: fc.tuple(at, at).map(([i, j]) => entries.toSpliced(i, 0, entries[j]!)) },
  );
}

/** How a message is written: blanks and escapes where JSON allows them. */
const style = fc.record({
  blank: fc.constantFrom('', '', '', ' ', '\n', ' \t\r'),
  escapes: fc.constantFrom(false, false, false, true),
  wraps: fc.constantFrom<'none' | 'stream' | 'data' | 'more'>('none', 'stream', 'stream', 'data', 'more'),
});

interface Style {
  readonly blank: string;
  readonly escapes: boolean;
  readonly wraps: 'none' | 'stream' | 'data' | 'more';
}

function written(value: unknown, style: Style): string {
  const { blank } = style;
  if (typeof value === 'string') return text(value, style);
  if (value instanceof Members) return object(value.entries, style);
  if (Array.isArray(value)) {
    return `[${blank}${value.map((each) => written(each, style)).join(`${blank},${blank}`)}${blank}]`;
  }
  if (typeof value === 'object' && value !== null) return object(Object.entries(value), style);
  return JSON.stringify(value) ?? 'null';
}

const object = (entries: readonly Entry[], style: Style): string => {
  const { blank } = style;
  const members = entries.map(
    ([key, value]) => `${text(key, style)}${blank}:${blank}${written(value, style)}`,
  );
  return `{${blank}${members.join(`${blank},${blank}`)}${blank}}`;
};

function text(value: string, { escapes }: Style): string {
  if (!escapes) return JSON.stringify(value);
  return `"${[...value].map((char, i) => (i % 3 === 0 ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : JSON.stringify(char).slice(1, -1))).join('')}"`;
}

function wrapped(entries: readonly Entry[], style: Style): string {
  const inner = object(entries, style);
  const { blank } = style;
  const stream = `"stream"${blank}:${blank}"btcusdt@x"`;
  switch (style.wraps) {
    case 'none':
      return `${blank}${inner}${blank}`;
    case 'stream':
      return `{${stream}${blank},${blank}"data"${blank}:${inner}}${blank}`;
    case 'data':
      return `{"data":${inner}${blank},${stream}}`;
    case 'more':
      return `{${stream},"more":{"a":[1]},"data":${inner},"s":"BTCUSDT"}`;
  }
}

/** What becomes of a frame on its way: mostly nothing. */
const damaged = (frame: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(frame) },
    { weight: 1, arbitrary: fc.nat(frame.length).map((end) => frame.slice(0, end)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.nat(frame.length),
          fc.constantFrom('"', '{', '}', ',', ':', '0', '-', '.', 'e', '\\', ' ', '\u0000', 'x'),
        )
        .map(([at, char]) => frame.slice(0, at) + char + frame.slice(at + 1)),
    },
    { weight: 1, arbitrary: fc.constantFrom('', ' ', 'null', '[]', '{}', '"x"', '{"result":null,"id":3}') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '{"error":{"code":2,"msg":"Invalid request"},"id":7}',
        '{"code":3,"msg":"Invalid JSON"}',
        '{"stream":"x","data":{"e":"serverShutdown","E":1}}',
        '{"data":5,"stream":"x"}',
      ),
    },
  );

/** Frames of a kind: most are well formed, many in an odd way, and some are not. */
export const randomFrame = (options: PlainOptions): fc.Arbitrary<string> =>
  fc
    .record(fieldsOf(options))
    .chain((fields) => fc.tuple(changed(Object.entries(fields)), style))
    .chain(([entries, how]) => damaged(wrapped(entries, how)));
