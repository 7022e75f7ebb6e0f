import type { RuntimeEvent } from '../supervision/job.js';
import type { Logger } from '../telemetry/logger.js';

/** Logs what a schedule or a group has come to, if somebody should look at it. */
export function logEvent(event: RuntimeEvent, log: Logger): void {
  if (event.type === 'schedule.due' && event.result === 'refused') {
    const { name, instantMs, error } = event;
    log.warn({ schedule: name, instantMs, error }, 'a scheduled job was refused');
  }
  if (event.type === 'group.restarting') {
    const { name, cause, jobs, restarts } = event;
    log.warn({ group: name, cause, jobs, restarts }, 'a group restarts');
  }
  if (event.type === 'group.dead') {
    const { name, error, jobs } = event;
    log.error({ group: name, err: error, jobs }, 'all jobs of a group end');
  }
}
