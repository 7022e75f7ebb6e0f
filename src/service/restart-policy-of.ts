import { RestartSettings } from '../settings/restart-settings.js';
import type { RestartPolicy } from '../supervision/restart-policy.js';

/** What a policy is if nothing is said of it. A job without one is judged by it where it has to be. */
export const DEFAULT_RESTART_POLICY: RestartPolicy = policyOf(RestartSettings.parse({}), 'on-failure');

/** The policy that checked options stand for; `undefined` for a job that has one run. */
export function restartPolicy(settings: RestartSettings): RestartPolicy | undefined {
  const { policy } = settings;
  return policy === 'never' ? undefined : policyOf(settings, policy);
}

function policyOf(
  { backOff, backOffMax, stableAfter, maxRestarts, within }: RestartSettings,
  policy: RestartPolicy['policy'],
): RestartPolicy {
  return {
    policy,
    backOffMs: backOff / 1e6,
    backOffMaxMs: backOffMax / 1e6,
    stableAfterMs: stableAfter / 1e6,
    maxRestarts,
    withinMs: within / 1e6,
  };
}
