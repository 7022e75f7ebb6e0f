import { endOrphans, leftRunning } from '../hosts/processes/orphans.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';
import type { Logger } from '../telemetry/logger.js';

/** The folder by which the next runtime knows the work of this one. */
export const keptIn = ({ store, checkpoints }: RuntimeSettings): string | undefined =>
  store?.path ?? checkpoints?.path;

/**
 * Ends the processes of a runtime that has gone, before any job goes on: they may still have its files.
 *
 * @throws {PipelineError} `PROCESS_LEFT_RUNNING` if one cannot be ended.
 */
export async function endLeftProcesses(settings: RuntimeSettings, log: Logger): Promise<void> {
  const kept = keptIn(settings);
  if (kept === undefined) return;
  const { ended, left } = await endOrphans(kept);
  for (const pid of ended) log.warn({ process: pid }, 'ended a process of a job whose runtime has gone');
  if (left.length > 0) throw leftRunning(left, kept);
}
