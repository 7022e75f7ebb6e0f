import type { Clock } from '../core/clock.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { JobStore } from '../store/job-store.js';
import type { RuntimeEvent } from '../supervision/job.js';
import type { Logger } from '../telemetry/logger.js';
import { JobKeeper } from './job-keeper.js';
import { DEFAULT_RESTART_POLICY } from './restart-policy-of.js';

/** Keeps jobs in a store, and tells by events and in the log when it fails, and when it has recovered. */
export function toldKeeper(
  store: JobStore,
  { clock, log, tell }: { readonly clock: Clock; readonly log: Logger; tell(event: RuntimeEvent): void },
): JobKeeper {
  return new JobKeeper({
    store,
    clock,
    stableAfterMs: DEFAULT_RESTART_POLICY.stableAfterMs,
    onFailed: (error, { isRetried }) => {
      const what = isRetried
        ? 'the store of jobs has no room: what happens is written later'
        : 'the store of jobs has failed: what happens from now on is not kept';
      log.error({ err: error }, what);
      tell({ type: 'store.failed', atMs: Number(clock.wall() / NANOS_PER_MILLI), error });
    },
    onRecovered: () => {
      log.info({}, 'the store of jobs has kept all that had waited');
      tell({ type: 'store.recovered', atMs: Number(clock.wall() / NANOS_PER_MILLI) });
    },
    onRefused: ({ id, name }, error) =>
      log.error({ job: name, id, err: error }, 'the store does not take the record of a job as it is'),
  });
}
