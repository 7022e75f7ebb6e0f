/** Values that nobody expects in a spec, from the harmless to the huge. */
import fc from 'fast-check';

/** Sizes at which what grows with the square takes minutes. */
const COUNTS = [0, 1, 2, 1_000, 50_000, 150_000];

const count = fc.constantFrom(...COUNTS);

/** Texts that mean something to a parser of ours, or to one that we use. */
export const fragment = fc.constantFrom(
  ...[
    'a',
    '1',
    ' ',
    '\n',
    '\t',
    '\r',
    '"',
    "'",
    '`',
    '\\',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '? ',
    '- ',
  ],
  ...[
    '# ',
    '&a ',
    '*a ',
    '!t ',
    '!!str ',
    '---\n',
    '...\n',
    '%TAG ! a\n',
    '|\n',
    '>+\n',
    ': ',
    '<<: ',
    'a: ',
    '"a":',
  ],
  ...[
    '*',
    '**/',
    '?',
    '!(',
    '+(a|',
    '@(',
    '[!a-z]',
    '../',
    './',
    '\0',
    '\ufeff',
    '\ud83d',
    'é',
    '__proto__',
    '0x',
    '1e9',
  ],
  ...['and ', 'or ', 'not ', ' in (', ' between ', 'is null ', '-', '+', '<', '==', 'if(', 'bid', 'abs('],
);

/** A few fragments, over and over. */
export const repeated = (charsMax: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.array(fragment, { minLength: 1, maxLength: 4 }), fc.array(fragment, { maxLength: 6 }), fc.nat())
    .map(([unit, before, size]) => {
      const text = unit.join('');
      return before.join('') + text.repeat(1 + Math.floor((size % charsMax) / text.length));
    });

/** Fragments in any order. */
export const jumbled: fc.Arbitrary<string> = fc.array(fragment, { maxLength: 60 }).map((all) => all.join(''));

export const hostileText = (charsMax: number): fc.Arbitrary<string> =>
  fc.oneof(jumbled, repeated(charsMax), fc.string({ unit: 'binary', maxLength: 40 }));

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  hostileText(70_000),
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    0,
    -1,
    1.5,
    1e308,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    10n ** 30n,
  ),
  fc.constantFrom<unknown>(Symbol('s'), () => 1, new Date(0), new Map([[1, 2]]), new Uint8Array(100_000)),
);

function nestedIn(depth: number, key: string | undefined): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level++) value = key === undefined ? [value] : { [key]: value };
  return value;
}

const small: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  'a',
  '',
  0,
  -1,
  null,
  true,
  [],
  {},
  { use: 'null' },
);

/** As a text, each is about a megabyte at most. */
const large: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(count, small).map(([length, value]) => Array<unknown>(length).fill(value)),
  count.map((length) => Array.from({ length }, (_, i) => i)),
  fc
    .tuple(count, small)
    .map(([length, value]) => Object.fromEntries(Array.from({ length }, (_, i) => [`key${i}`, value]))),
  small.map((value) =>
    Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${'k'.repeat(i * 4)}${i}`, value])),
  ),
  fc
    .tuple(count, fc.constantFrom(undefined, 'a', 'operators', 'sources'))
    .map(([depth, key]) => nestedIn(depth, key)),
);

/** A value for any place. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 1, arbitrary: large },
  { weight: 1, arbitrary: fc.anything() },
);
