import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testedKernels } from '../../support/kernel-column.js';

const kernels = testedKernels();
const [COMMA, LF, CR, QUOTE] = [44, 10, 13, 34] as const;

/** What the kernel finds: where separators are, and which of them end lines. */
function structureOf(bytes: Uint8Array) {
  const { call, input, separators, lines } = kernels;
  kernels.bytes.set(bytes, input);
  const found = call.findStructure(input, input + bytes.length, COMMA);
  const ends = [...lines.subarray(0, found)];
  const count = found === 0 ? 0 : ends.at(-1)! + 1;
  const places = [...separators.subarray(1, count + 1)].map((address) => address - input);
  return { places, lineEnds: ends.map((place) => places[place]!), isWhole: call.metOddQuotes() === 0 };
}

/** The same byte by byte, up to the last line end before the first odd quote. */
function structureByteByByte(bytes: Uint8Array) {
  const places: number[] = [];
  const lineEnds: number[] = [];
  let isWhole = true;
  let at = 0;
  for (let fieldStart = true; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      let close = at + 1;
      while (fieldStart && close < bytes.length && bytes[close] !== QUOTE && bytes[close] !== LF) close++;
      if (fieldStart && close >= bytes.length) break; // cut off
      const next = close + 1;
      const isEnd = [COMMA, LF, undefined].includes(bytes[next] as typeof COMMA);
      const isReturn = bytes[next] === CR && [LF, undefined].includes(bytes[next + 1] as typeof LF);
      if (!fieldStart || bytes[close] !== QUOTE || !(isEnd || isReturn)) {
        isWhole = false;
        break;
      }
      at = close;
      fieldStart = false;
      continue;
    }
    fieldStart = byte === COMMA || byte === LF;
    if (fieldStart) places.push(at);
    if (byte === LF) lineEnds.push(at);
  }
  return {
    places: places.filter((place) => place <= (lineEnds.at(-1) ?? -1)),
    lineEnds,
    isWhole,
    stoppedAt: at,
  };
}

const byte = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(65, 48, 32, 0, 255) },
  { weight: 4, arbitrary: fc.constant(COMMA) },
  { weight: 2, arbitrary: fc.constant(LF) },
  fc.constantFrom(QUOTE, CR),
);
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.array(byte, { maxLength: 40 }) },
  fc
    .array(fc.constantFrom(65, COMMA, CR, 32), { maxLength: 70 })
    .map((inside) => [COMMA, QUOTE, ...inside, QUOTE, COMMA]),
  fc.constant([COMMA, QUOTE, 65, QUOTE, CR, LF]),
);

describe('the structure of a text', () => {
  it('is what is found byte by byte, up to quotes that are not around whole fields', () => {
    let whole = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const bytes = Uint8Array.from(pieces.flat());
        const { stoppedAt, ...expected } = structureByteByByte(bytes);
        const found = structureOf(bytes);
        expect(found.isWhole).toBe(expected.isWhole);
        if (expected.isWhole) {
          whole++;
          expect(found).toEqual(expected);
          return;
        }
        // It stops at the turn of the odd quote, not at its byte.
        expect(found.lineEnds).toEqual(expected.lineEnds.slice(0, found.lineEnds.length));
        expect(found.places).toEqual(expected.places.slice(0, found.places.length));
        const turn = stoppedAt - (stoppedAt % 64);
        expect(found.lineEnds.filter((at) => at < turn)).toEqual(expected.lineEnds.filter((at) => at < turn));
      }),
      { numRuns: 3_000 },
    );
    expect(whole).toBeGreaterThan(500);
  });

  it('is lines alone where no delimiter is met, as in JSON lines', () => {
    const lines = Array.from({ length: 500 }, (_, i) => `{"t":${i}}\n`);
    const bytes = Buffer.from(lines.join('').replaceAll('"', "'"));
    const { lineEnds, places } = structureOf(bytes);
    expect(lineEnds).toHaveLength(500);
    expect(places).toEqual(lineEnds);
  });

  it('ends before there is no more room for separators, at a whole turn', () => {
    const bytes = new Uint8Array(kernels.bytesMax).fill(COMMA);
    for (let at = 99; at < bytes.length; at += 100) bytes[at] = LF;
    const { lineEnds, isWhole } = structureOf(bytes);
    expect(isWhole).toBe(true);
    expect(lineEnds.length).toBeGreaterThan(300);
    expect(lineEnds).toEqual(lineEnds.map((_, i) => 100 * i + 99));
  });
});
