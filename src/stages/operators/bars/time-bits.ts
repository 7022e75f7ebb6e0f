/** The high word of the first bits that, read as a double, are no number to compare: in the year 2262. */
export const INFINITY_HIGH = 0x7ff0_0000;

const words = new Int32Array(2);
const doubles = new Float64Array(words.buffer);

/** The double of the same bits as a time. `low`: its lowest 32 bits count. */
export function doubleOfBits(low: number, high: number): number {
  words[0] = low;
  words[1] = high;
  return doubles[0]!;
}
