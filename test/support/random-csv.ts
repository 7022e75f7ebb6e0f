import fc from 'fast-check';
import type { HeldFileSettings } from './both-ways.js';
import type { ReplayInput } from './replayed.js';

/** A file of bytes, and how it is to be read. */
export interface RandomCsv {
  readonly content: Buffer;
  readonly input: Omit<ReplayInput, 'path'>;
  readonly settings: HeldFileSettings;
}

type Mapping = ReplayInput['columns'][string];

/** A column: how it is read, and texts for its fields. */
interface RandomColumn {
  readonly mapping: (from: number) => Mapping;
  readonly text: fc.Arbitrary<string>;
}

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((all) => all.join(''));

/** Decimals of all forms: signs, points anywhere, exponents, 1 to 40 digits. */
export const decimalText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(digits(1, 6), digits(1, 4)).map(([a, b]) => `${a}.${b}`) },
  { weight: 3, arbitrary: digits(1, 9) },
  fc.tuple(digits(0, 20), digits(0, 20)).map(([a, b]) => `${a}.${b}`),
  digits(10, 40),
  fc.double({ noNaN: true }).map(String),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(String),
  fc
    .tuple(digits(1, 20), fc.constantFrom('e', 'E', 'e-', 'e+'), digits(0, 4))
    .map(([a, e, b]) => `${a.slice(0, 1)}.${a.slice(1)}${e}${b}`),
  fc.tuple(fc.constantFrom('-', '+', '--', '-.'), digits(0, 17)).map(([sign, a]) => `${sign}${a}`),
  fc.constantFrom('', '.', '-', '+', '0', '-0', '-0.0', '.5', '5.', '1_0', '0x1', 'nan', 'inf', ' 1', '1 '),
);

const wholeText = fc.oneof(
  { weight: 5, arbitrary: fc.integer().map(String) },
  fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
  digits(1, 40),
  fc.constantFrom('', '-', '+5', '-0', '1.0', '2147483647', '2147483648', '-2147483648', '-2147483649'),
);

const SECONDS = { min: 1_600_000_000, max: 1_700_000_000 };

const epochText = (places: number): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(fc.integer(SECONDS), digits(places, places)).map(([s, rest]) => `${s}${rest}`),
    },
    fc
      .tuple(fc.integer(SECONDS), digits(places, places), digits(1, 12))
      .map(([s, rest, fraction]) => `${s}${rest}.${fraction}`),
    fc.tuple(digits(1, 12), digits(1, 12)).map(([whole, fraction]) => `${whole}.${fraction}`),
    // Padded with zeros to any length.
    fc
      .tuple(
        fc.integer(SECONDS),
        digits(places, places),
        fc.constantFrom('', '.5', '.25'),
        fc.nat({ max: 12 }),
      )
      .map(([s, rest, fraction, zeros]) => `${'0'.repeat(zeros)}${s}${rest}${fraction}`),
    digits(1, 24),
    wholeText,
    fc.constantFrom('.5', '5.', '1.2.3', '-5', '-5.25'),
  );

/** Where the clock of New York skips an hour and repeats one, and the ends of these hours. */
const TURNS = ['2020-03-08 02:00:00', '2020-03-08 03:00:00', '2020-11-01 01:00:00', '2020-11-01 02:00:00'];

/** The same in ms, as if the clock were that of UTC; and the ms before. */
const turnText = fc
  .tuple(fc.constantFrom(...TURNS), fc.constantFrom(0, -1))
  .map(([turn, ms]) => String(Date.parse(`${turn}Z`) + ms));

const isoText = fc.oneof(
  fc.constantFrom(...TURNS, ...TURNS.map((turn) => `${turn}.000000001`)),
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.date({ min: new Date('2019-01-01'), max: new Date('2021-12-31'), noInvalidDate: true }),
        fc.constantFrom('T', ' ', 't', 'x'),
        fc.constantFrom('', '.', ',', '.1', '.12', ',123', '.123456', '.123456789', '.1234567890123456789'),
        fc.constantFrom('', '', 'Z', 'z', '+01', '+01:00', '-0530', '+1', '+24:00', 'Zx', '-00:00'),
      )
      .map(([date, separator, fraction, offset]) => {
        const text = date.toISOString();
        return `${text.slice(0, 10)}${separator}${text.slice(11, 19)}${fraction}${offset}`;
      }),
  },
  fc.date({ min: new Date('1500-01-01'), max: new Date('2500-01-01'), noInvalidDate: true }).map((date) => {
    const text = date.toISOString();
    return date.getTime() % 2 === 0 ? text : text.slice(0, date.getTime() % 3 === 0 ? 10 : 16);
  }),
  // At the ends of what can be held.
  fc
    .tuple(
      fc.constantFrom(-1, 1),
      fc.integer({ min: -200_000, max: 200_000 }),
      fc.constantFrom('Z', '', '+00:01'),
    )
    .map(([sign, ms, offset]) => new Date(sign * 8_796_006_622_208 + ms).toISOString().replace('Z', offset)),
  // In and around the hours that clocks skip and repeat.
  fc
    .tuple(fc.constantFrom('2020-03-08', '2020-11-01', '2020-02-29', '2021-02-29'), fc.nat({ max: 86_399 }))
    .map(([day, second]) => `${day} ${new Date(second * 1_000).toISOString().slice(11, 19)}`),
  fc.constantFrom(
    '2024-13-01',
    '2024-00-10',
    '2024-04-31',
    '2024-01-01T24:00:00',
    '2024-01-01T12:60:00',
    'x',
  ),
);

const symbolText = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('AAPL', 'MSFT', 'A', 'BRK.B', 'EURUSD', 'BTC-USDT-PERP') },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 9_999 }).map((n) => `S${n}`) },
  fc.integer({ min: 0, max: 99 }).map((n) => `AAPL240119C00${150 + n}000`),
  fc.string({ maxLength: 80 }),
  fc.constantFrom('', '\u0000', 'A\u0000', 'Ünïcödé', '日本', ' '),
);

const COLUMNS: readonly RandomColumn[] = [
  ...[1, 100, 3, 1e9].flatMap((divideBy) => [
    { text: decimalText, mapping: (from: number): Mapping => ({ from, type: 'float64', divideBy }) },
    {
      text: decimalText,
      mapping: (from: number): Mapping => ({ from, type: 'float64', divideBy, empty: 'null' }),
    },
  ]),
  { text: wholeText, mapping: (from) => ({ from, type: 'int32' }) },
  { text: wholeText, mapping: (from) => ({ from, type: 'int64' }) },
  ...(
    [
      ['s', 0],
      ['ms', 3],
      ['us', 6],
      ['ns', 9],
    ] as const
  ).map(([unit, places]) => ({
    text: epochText(places),
    mapping: (from: number): Mapping => ({ from, type: 'timestamp', unit, anyInstant: true }),
  })),
  {
    text: fc.oneof({ weight: 4, arbitrary: epochText(3) }, turnText),
    mapping: (from) => ({ from, type: 'timestamp', unit: 'ms', zone: 'America/New_York', anyInstant: true }),
  },
  {
    text: fc.oneof(fc.integer({ min: 0, max: 86_399_999 }).map(String), wholeText),
    mapping: (from) => ({
      from,
      type: 'timestamp',
      unit: 'ms',
      date: '2020-11-01',
      zone: 'America/New_York',
    }),
  },
  { text: isoText, mapping: (from) => ({ from, type: 'timestamp' }) },
  { text: isoText, mapping: (from) => ({ from, type: 'timestamp', zone: 'America/New_York' }) },
  { text: isoText, mapping: (from) => ({ from, type: 'timestamp', zone: '-05:30' }) },
  { text: symbolText, mapping: (from) => ({ from, type: 'string' }) },
  { text: symbolText, mapping: (from) => ({ from, type: 'string', empty: 'null' }) },
  {
    text: fc.constantFrom('true', 'false', 'T', '1', '0', 'yes', '', 'a text of more than 16 bytes'),
    mapping: (from) => ({ from, type: 'boolean' }),
  },
];

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** How a field is written into a file. */
const form = fc.oneof(
  { weight: 30, arbitrary: fc.constant((text: string, delimiter: string) => plain(text, delimiter)) },
  { weight: 2, arbitrary: fc.constant(quoted) },
  fc.constantFrom(
    (text: string) => `${quoted(text)}x`,
    (text: string) => `"${text}`,
    (text: string) => `${text}"`,
    (text: string) => quoted(`${text}\n`),
    (text: string) => quoted(`"${text},`),
    (text: string) => ` ${quoted(text)}`,
    (text: string) => `${text}\r`,
  ),
);

const plain = (text: string, delimiter: string): string =>
  text.includes(delimiter) || /["\r\n]/.test(text) ? quoted(text) : text;

/** What happens to whole files: bytes put in, cut out or replaced. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat({ max: 3 }),
  bytes: fc.oneof(
    fc
      .constantFrom('"', '""', '\n', '\r', '\r\n', '\n\n', ',', '#', '\u0000', ' ', '-', '.', '"\n"')
      .map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(Buffer.from([0xff, 0xfe]), Buffer.from([0xc3]), Buffer.from([0x80])),
  ),
});

const table = fc.array(fc.nat({ max: COLUMNS.length - 1 }), { minLength: 1, maxLength: 6 }).chain((kinds) => {
  const columns = kinds.map((kind) => COLUMNS[kind]!);
  const fields = fc.tuple(...columns.map(({ text }) => fc.tuple(text, form)));
  const line = fc.record({
    fields,
    end: fc.oneof({ weight: 12, arbitrary: fc.constant('') }, fc.constantFrom(',', ',,', '\r', ' ', ',x')),
    before: fc.oneof(
      { weight: 20, arbitrary: fc.constant('') },
      fc.constantFrom('\n', '\r\n', '# note\n', '#\n'),
    ),
  });
  return fc.record({
    columns: fc.constant(columns),
    lines: fc.array(line, { maxLength: 12 }),
    /** Rows of one form over and over again, so that stretches are long. */
    often: fc.array(fields, { maxLength: 3 }),
    times: fc.nat({ max: 60 }),
  });
});

/** Files with rows of all forms, good and bad, that are read in all ways. */
export const randomCsv: fc.Arbitrary<RandomCsv> = fc
  .record({
    table,
    delimiter: fc.constantFrom(',', ',', ',', ';', '\t', '|', ' '),
    newline: fc.constantFrom('\n', '\n', '\r\n'),
    hasHeader: fc.boolean(),
    hasComments: fc.boolean(),
    /** Fields that nobody maps, before each that is mapped. */
    unmapped: fc.array(fc.nat({ max: 4 }), { minLength: 6, maxLength: 6 }),
    endsWithLine: fc.boolean(),
    damages: fc.array(damage, { maxLength: 3 }),
    settings: fc.record({
      chunks: fc.array(fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 100, max: 5_000 })), {
        minLength: 1,
        maxLength: 3,
      }),
      batchRows: fc.integer({ min: 1, max: 70 }),
      stopsAtBadRow: fc.boolean(),
      direction: fc.constantFrom('ascending' as const, 'ascending' as const, 'descending' as const),
    }),
  })
  .map(({ table, delimiter, newline, hasHeader, hasComments, unmapped, endsWithLine, damages, settings }) => {
    const { columns } = table;
    const lines: string[] = [];
    let fields = 0;
    const from = columns.map((_, i) => {
      fields += unmapped[i]! + 1;
      return fields;
    });
    const write = (texts: readonly string[]) =>
      texts.flatMap((text, i) => [...Array(unmapped[i]).fill('u'), text]).join(delimiter);
    if (hasHeader) lines.push(write(columns.map((_, i) => `c${i}`)));
    const often = table.often.map((row) => write(row.map(([text]) => plain(text, delimiter))));
    const repeated =
      often.length === 0 ? [] : Array.from({ length: table.times }, (_, i) => often[i % often.length]!);
    for (const { fields: row, end, before } of table.lines) {
      lines.push(
        `${before}${write(row.map(([text, form]) => form(text, delimiter)))}${end.replaceAll(',', delimiter)}`,
      );
      lines.push(...repeated);
    }
    let content = Buffer.from(lines.join(newline) + (endsWithLine ? newline : ''));
    for (const { at, cut, bytes } of damages) {
      const place = Math.floor(at * content.length);
      content = Buffer.concat([content.subarray(0, place), bytes, content.subarray(place + cut)]);
    }
    const mapped = columns.map(({ mapping }, i) => [`c${i}`, mapping(from[i]!)] as const);
    return {
      content,
      settings,
      input: {
        kind: 'custom' as const,
        delimiter,
        header: hasHeader,
        ...(hasComments && { comment: '#' }),
        columns: Object.fromEntries(mapped),
      },
    };
  });
