import type { z } from 'zod';
import { type CheckedSubmitOptions, SubmitOptions } from '../service/submit-options.js';
import { parseOptions } from '../settings/parse-options.js';
import type { RestartSettings } from '../settings/restart-settings.js';

/**
 * Checks what a job is submitted with, and fills in what the settings of the runtime say.
 *
 * @param defaults - As they were given.
 * @throws {InvalidOptionsError}
 */
export function checkSubmit(
  options: SubmitOptions,
  defaults: { readonly restart: z.input<typeof RestartSettings> | undefined },
): CheckedSubmitOptions {
  const { restart } = defaults;
  if (!restart || !isObject(options)) return parseOptions('submit', SubmitOptions, options);
  const own = options.restart ?? {};
  const merged = isObject(own) ? { ...restart, ...given(own) } : own;
  return parseOptions('submit', SubmitOptions, { ...options, restart: merged });
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** What is `undefined` was left out. */
const given = (options: object): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
