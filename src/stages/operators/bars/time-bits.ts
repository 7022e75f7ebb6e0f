/**
 * High word of the first time whose bits, read as a double, are not a comparable number: in the year
 * 2262.
 */
export const INFINITY_HIGH = 0x7ff0_0000;

const words = new Int32Array(2);
const doubles = new Float64Array(words.buffer);

/** The double with the same bits as a time. Of `low`, only the lowest 32 bits count. */
export function doubleOfBits(low: number, high: number): number {
  words[0] = low;
  words[1] = high;
  return doubles[0]!;
}
