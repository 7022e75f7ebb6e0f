import { randomBytes } from 'node:crypto';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const LENGTH = 10;

/** As a regular expression: 50 bits in base 32. */
export const RANDOM_NAME = `[a-z2-7]{${LENGTH}}`;

/** A name that cannot be predicted and that no two runs share. */
export function randomName(): string {
  let name = '';
  for (const byte of randomBytes(LENGTH)) name += LETTERS[byte & 31]!;
  return name;
}
