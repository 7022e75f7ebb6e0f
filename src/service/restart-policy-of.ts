import type { RestartSettings } from '../settings/restart-settings.js';
import type { RestartPolicy } from '../supervision/restart-policy.js';

const NS_PER_MS = 1e6;

/** The policy that checked options stand for; `undefined` for a job that has one run. */
export function restartPolicy(settings: RestartSettings): RestartPolicy | undefined {
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
