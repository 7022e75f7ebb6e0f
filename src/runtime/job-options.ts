import type { z } from 'zod';
import { assertMapping } from '../core/assert-argument.js';
import { parseOptions } from '../settings/parse-options.js';
import { RestartSettings } from '../settings/restart-settings.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';
import type { RestartPolicy } from '../supervision/restart-policy.js';
import type { JobOptions } from '../supervision/supervisor.js';

/** What a job is given beside its spec. */
export interface SubmitOptions {
  /**
   * When and how often the job is started again. Options that are left out are those of the runtime's settings;
   * without any, a job has one run.
   */
  readonly restart?: z.input<typeof RestartSettings> | undefined;
}

const NS_PER_MS = 1e6;

/**
 * Checks the options of a job, and fills in those of the runtime.
 *
 * @param defaults - Of the runtime, as they were given.
 * @throws {InvalidOptionsError}
 */
export function jobOptions(
  options: SubmitOptions,
  { checkpoints }: Pick<RuntimeSettings, 'checkpoints'>,
  defaults: z.input<typeof RestartSettings> = {},
): JobOptions {
  assertMapping('submit', options);
  const { restart = {}, ...rest } = options;
  assertMapping('submit.restart', restart);
  const unknown = Object.keys(rest).map((key) => `submit.${key}: there is no such option`);
  const checked = parseOptions('submit.restart', RestartSettings, { ...defaults, ...restart }, unknown);
  return {
    restart: policyOf(checked),
    ...(checkpoints && { checkpoints: { path: checkpoints.path, everyMs: checkpoints.every / NS_PER_MS } }),
  };
}

function policyOf(settings: RestartSettings): RestartPolicy | undefined {
  const { policy, backOff, backOffMax, stableAfter, maxRestarts, within } = settings;
  if (policy === 'never') return undefined;
  return {
    policy,
    backOffMs: backOff / NS_PER_MS,
    backOffMaxMs: backOffMax / NS_PER_MS,
    stableAfterMs: stableAfter / NS_PER_MS,
    maxRestarts,
    withinMs: within / NS_PER_MS,
  };
}
