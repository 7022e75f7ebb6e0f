import { InvalidOptionsError } from '../../core/errors.js';

/**
 * Refuses values that are not numbers. Every comparison with `NaN` is false, so a wait or a cooldown of
 * `NaN` would silently never end or never begin.
 *
 * @throws {InvalidOptionsError} naming all of them.
 */
export function checkNumbers(call: string, numbers: Readonly<Record<string, number | undefined>>): void {
  const problems = Object.entries(numbers)
    .filter(([, value]) => value !== undefined && (typeof value !== 'number' || Number.isNaN(value)))
    .map(([name, value]) => `${name}: expected a number, found ${String(value)}`);
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}
