import { redact, redactFields } from '../core/redact.js';
import { type Logger, silentLogger } from './logger.js';

/** Wraps a logger so that it writes no credentials. Every logger from the user is wrapped in it. */
export function redactingLogger(log: Logger): Logger {
  if (log === silentLogger) return log;
  const line = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, text: string) =>
    log[level](redactFields(fields), redact(text));
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (bindings) => redactingLogger(log.child(redactFields(bindings))),
  };
}
