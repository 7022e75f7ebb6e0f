import type { z } from 'zod';
import { type CheckedSubmitOptions, SubmitOptions } from '../service/submit-options.js';
import { parseOptions } from '../settings/parse-options.js';
import { RESTARTS_MAX, type RestartSettings } from '../settings/restart-settings.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';

/** Checks what jobs are submitted with, and fills in what the settings of the runtime say. */
export class SubmitDefaults {
  readonly #restart: z.input<typeof RestartSettings> | undefined;
  /** Of a submit without options. Shared by all of them: nobody writes to it. */
  #plain: CheckedSubmitOptions | undefined;

  /** @param defaults - As they were given. */
  constructor({ restart }: { readonly restart?: z.input<typeof RestartSettings> | undefined }) {
    this.#restart = restart;
  }

  /** @throws {InvalidOptionsError} */
  check(options: SubmitOptions | undefined): CheckedSubmitOptions {
    if (options !== undefined) return this.#parse(options);
    this.#plain ??= this.#parse({});
    return this.#plain;
  }

  /**
   * Adds what a spec says of its job: what is given beside it goes before that, key by key.
   *
   * @param options - As they were given.
   */
  withJob({ job }: Pick<ResolvedSpec, 'job'>, options: SubmitOptions | undefined): SubmitOptions | undefined {
    return job ? { ...job, ...given(options ?? {}) } : options;
  }

  #parse(options: SubmitOptions): CheckedSubmitOptions {
    const isInGroup = isObject(options) && options.group !== undefined;
    const restart = isInGroup ? ofGroups(this.#restart) : this.#restart;
    if (!restart || !isObject(options)) return parseOptions('submit', SubmitOptions, options);
    const own = options.restart ?? {};
    const merged = isObject(own) ? { ...restart, ...given(own) } : own;
    const isOneRun = isInGroup && isObject(own) && 'policy' in own && own.policy === 'never';
    const problems = isOneRun
      ? ['submit.restart.policy: expected "on-failure" or "always" for a job of a group, was "never"']
      : [];
    return parseOptions('submit', SubmitOptions, { ...options, restart: merged }, problems);
  }
}

/** The group counts restarts, unless a job has a `maxRestarts` of its own. */
const ofGroups = (defaults: z.input<typeof RestartSettings> = {}): z.input<typeof RestartSettings> => ({
  ...given(defaults),
  ...((defaults.policy === undefined || defaults.policy === 'never') && { policy: 'on-failure' }),
  maxRestarts: RESTARTS_MAX,
});

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** What is `undefined` was left out. */
const given = (options: object): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
