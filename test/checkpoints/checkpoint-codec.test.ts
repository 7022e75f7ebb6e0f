import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECKPOINT_BYTES_MAX,
  decodeCheckpoint,
  encodeCheckpoint,
  encodeWithLog,
  readStored,
} from '../../src/checkpoints/checkpoint-codec.js';
import { readPlainData, writePlainData } from '../../src/checkpoints/plain-data-text.js';
import { checkpointOf, sourceOf } from './checkpoint-of.js';

const again = (value: unknown): unknown => readPlainData(writePlainData(value, 'state'));

const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 2 ** 53, 5e-324),
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', '\udfff\ud800', '\0', '$', '"$'),
);
const anyKey = fc.oneof(
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '$', '$$', '$x', '', '1', 'hasOwnProperty', '\ud800'),
);
const { state: anyState } = fc.letrec((tie) => ({
  state: fc.oneof(
    { depthSize: 'medium' },
    anyNumber,
    anyText,
    fc.bigInt(),
    fc.constantFrom(null, undefined, true, false),
    fc.array(tie('state'), { maxLength: 6 }),
    fc.array(fc.tuple(anyKey, tie('state')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

describe('a state that is written down', () => {
  it('comes back as it was, to the last bit, whatever plain data it is', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        // Tells -0 from 0 and undefined from nothing; vitest's matchers stumble over a key "constructor".
        expect(isDeepStrictEqual(again(state), state)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has the keys in their order, and no prototype of its own', () => {
    const state = JSON.parse('{"b": 1, "__proto__": {"admin": true}, "a": 2}') as object;
    const read = again(state) as Record<string, unknown>;
    expect(Object.keys(read)).toEqual(['b', '__proto__', 'a']);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(read.admin).toBeUndefined();
  });

  it.each([
    [{ open: [1, new Map()] }, 'state.open[1]', 'an object of Map'],
    [{ at: new Date(0) }, 'state.at', 'an object of Date'],
    [[new Float64Array(2)], 'state[0]', 'an object of Float64Array'],
    [{ f: () => 1 }, 'state.f', 'a function'],
    [{ s: Symbol('x') }, 'state.s', 'a symbol'],
    [Object.create({ inherited: 1 }), 'state', 'an object of Object'],
  ])('is refused with the path of what is no plain data (%o)', (state, path, found) => {
    expect(() => writePlainData(state, 'state')).toThrowError(
      expect.objectContaining({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining(
          `${path}: expected plain data (objects, lists, texts, numbers), found ${found}`,
        ),
      }),
    );
  });

  it('is refused when it goes round in a circle', () => {
    const state: { self?: unknown } = {};
    state.self = state;
    expect(() => writePlainData(state, 'state')).toThrow(/found more than 500 levels of it \(a cycle\?\)/);
  });
});

describe('a checkpoint as bytes', () => {
  const BYTES = encodeCheckpoint(checkpointOf({ row: 1, ns: -0, text: 'Zürich \ud83d\ude00 \ud800' }));
  const decode = (bytes: Uint8Array) => decodeCheckpoint(bytes, 'last.checkpoint');

  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const checkpoint = checkpointOf(state as never, { ended: { how: 'drained', isPublished: false } });
        expect(isDeepStrictEqual(decode(encodeCheckpoint(checkpoint)), checkpoint)).toBe(true);
      }),
    );
  });

  it('is refused when any of it was cut off, or something stands behind it', () => {
    for (let length = 0; length < BYTES.length; length++) {
      expect(() => decode(BYTES.subarray(0, length))).toThrow(/^last\.checkpoint: expected .*, found/);
    }
    expect(() => decode(Buffer.concat([BYTES, Buffer.from(' ')]))).toThrow(
      /bytes behind the first line, found/,
    );
  });

  it('is refused when any bit of it was changed', () => {
    for (let bit = 0; bit < BYTES.length * 8; bit++) {
      const changed = Buffer.from(BYTES);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decode(changed), `bit ${bit}`).toThrow(/^last\.checkpoint: expected .*, found/);
    }
  });

  it.each([
    ['', 'none'],
    ['{"version":1}', 'none'],
    ['tickloom-checkpoint 3 0 '.padEnd(88, '0').concat('\n'), 'form 3'],
  ])('is refused when it is something else (%j)', (text, found) => {
    expect(() => decode(Buffer.from(text))).toThrowError(
      expect.objectContaining({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining(`found ${found}`),
      }),
    );
  });

  it.each([
    [{ version: 2 as never }, 'version: expected 1, which this release reads, found 2'],
    [{ run: { id: '', epoch: 1, owner: {} } as never }, 'run.id: expected a text'],
    [{ states: { sink: null } }, 'states.source: expected a state, found nothing'],
    [{ counters: {} as never }, 'counters.rowsIn: expected a whole number, found nothing'],
    [
      { dictionaries: { symbol: ['A', 1 as never] } },
      'dictionaries.symbol: expected a list of texts, found a list',
    ],
    [{ ended: { how: 'failed' } as never }, 'ended.how: expected "completed" or "drained"'],
  ])('is refused with the field that is not as it must be (%o)', (others, message) => {
    expect(() => decode(encodeCheckpoint(checkpointOf(0, others)))).toThrow(`Checkpoint: ${message}`);
  });

  it('has a bound, and says which state is the largest', () => {
    const text = 'x'.repeat(CHECKPOINT_BYTES_MAX / 2);
    const checkpoint = checkpointOf([text.slice(1), text]);
    expect(() => encodeCheckpoint(checkpoint)).toThrow(
      /Expected a checkpoint of at most 67108864 bytes, found 67\d+, 671\d+ of them of "source"/,
    );
    expect(sourceOf(decode(encodeCheckpoint(checkpointOf(text))))).toHaveLength(text.length);
  });
});

describe('a checkpoint whose strings are in a log', () => {
  const MARK = { id: 'abc', bytes: 10, checksum: 7, counts: { symbol: 2, $x: 1 } };
  const CHECKPOINT = checkpointOf(1, { dictionaries: { symbol: ['C'], $x: [], venue: ['X'] } });
  const BYTES = encodeWithLog(CHECKPOINT, MARK);

  it('says which log, and has all strings in their order once it is given those', () => {
    const { strings, complete } = readStored(BYTES, 'last.checkpoint');
    expect(strings).toEqual(MARK);
    const logged = new Map([
      ['symbol', ['A', 'B']],
      ['$x', ['$']],
    ]);
    expect(complete(logged)).toEqual(
      checkpointOf(1, { dictionaries: { symbol: ['A', 'B', 'C'], $x: ['$'], venue: ['X'] } }),
    );
  });

  it('is not taken for whole without it', () => {
    expect(() => decodeCheckpoint(BYTES, 'last.checkpoint')).toThrow(
      /^last\.checkpoint: expected a checkpoint that is all here, found one with a log of strings beside it/,
    );
  });

  it('is whole at once where it was written by an earlier release, or has few strings', () => {
    const { strings, complete } = readStored(encodeCheckpoint(CHECKPOINT), 'last.checkpoint');
    expect(strings).toBeUndefined();
    expect(complete()).toEqual(CHECKPOINT);
  });

  it.each([
    undefined,
    {},
    { ...MARK, id: 1 },
    { ...MARK, bytes: -1 },
    { ...MARK, counts: { symbol: 'x' } },
    { ...MARK, counts: null },
  ])('is refused when it does not say how much of the log counts (%o)', (mark) => {
    expect(() => readStored(encodeWithLog(CHECKPOINT, mark as never), 'last.checkpoint')).toThrow(
      'last.checkpoint: expected strings: id, bytes, checksum and counts of a log, found something else',
    );
  });

  it('is refused when it is no object at all', () => {
    const digest = createHash('sha256').update('null').digest('hex');
    expect(() =>
      readStored(Buffer.from(`tickloom-checkpoint 2 4 ${digest}\nnull`), 'last.checkpoint'),
    ).toThrow(/^last\.checkpoint: expected strings/);
  });
});
