import type { WireError } from '../core/errors.js';
import type { Logger } from '../telemetry/logger.js';

/** Logs the supervisor's lines for runs and jobs that failed or are stuck at `debug`, since they are reported anyway. */
export function withoutFailures(log: Logger): Logger {
  return {
    debug: (fields, text) => log.debug(fields, text),
    info: (fields, text) => log.info(fields, text),
    warn: (fields, text) => (isTold(fields) ? log.debug(fields, text) : log.warn(fields, text)),
    error: (fields, text) => (isTold(fields) ? log.debug(fields, text) : log.error(fields, text)),
    child: (bindings) => log.child(bindings),
  };
}

const isTold = (fields: object): boolean =>
  ('state' in fields && ['failed', 'dead', 'backingOff'].includes(String(fields.state))) ||
  ('error' in fields && ENDS_OF_RUNS.has((fields.error as Partial<WireError> | undefined)?.code ?? ''));
/** What the watchdog ends runs for: told as why they end. */
const ENDS_OF_RUNS: ReadonlySet<string> = new Set(['THREAD_STUCK', 'JOB_STALLED']);
