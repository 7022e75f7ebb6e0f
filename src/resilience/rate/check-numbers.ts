import { InvalidOptionsError } from '../../core/errors.js';
import { describeValue } from '../../core/shown-text.js';

/**
 * Refuses values that are not numbers. Every comparison with `NaN` is false, so a wait or a cooldown of
 * `NaN` would silently never end or never begin.
 *
 * @throws {InvalidOptionsError} naming all of them.
 */
export function checkNumbers(call: string, numbers: Readonly<Record<string, unknown>>): void {
  const problems = Object.entries(numbers)
    .filter(([, value]) => typeof value !== 'number' || Number.isNaN(value))
    .map(([name, value]) => `${name}: expected a number, found ${describeValue(value)}`);
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}

/** The same of numbers that may be left out. */
export function checkGivenNumbers(call: string, numbers: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  if (given.length > 0) checkNumbers(call, Object.fromEntries(given));
}
