/** A number in a text, as requests answer it; NaN for all else. */
export function decimalIn(value: unknown): number {
  if (typeof value !== 'string' || value.trim() === '') return Number.NaN;
  return Number(value);
}

/** A whole number of 0 or more; NaN for all else. */
export const wholeIn = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : Number.NaN;
