import { inspect } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import { toWireError } from '../core/errors.js';
import { LOG_CHARS_MAX, redactedBeginning, redactFields } from '../core/redact.js';
import type { Counters } from '../shared-memory/counters.js';
import { LOG_LINES_MAX, type LogLine } from '../wire/pipeline-actor.js';
import type { Logger } from './logger.js';

/**
 * A thread's logger: removes credentials and posts each line to the main thread, which writes it. Ports
 * have no back-pressure, so a line is dropped and counted while `LOG_LINES_MAX` lines are still unread.
 */
export function threadLogger(port: MessagePort, counters: Counters): Logger {
  let open = true;
  port.once('close', () => {
    open = false; // a message to a closed port may abort the process (nodejs/node#56362)
  });
  const write = (line: LogLine) => {
    if (!open || counters.get('logsPosted') - counters.get('logsTaken') >= LOG_LINES_MAX) {
      counters.add('logsDropped', 1);
      return;
    }
    counters.add('logsPosted', 1);
    post(port, line);
  };
  const bound = (bindings: Record<string, unknown>): Logger => {
    const log = (level: LogLine['level']) => (fields: object, text: string) =>
      write({
        level,
        fields: redactFields(plainFields({ ...bindings, ...fields })),
        text: redactedBeginning(text, LOG_CHARS_MAX),
      });
    return {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
      child: (more) => bound({ ...bindings, ...more }),
    };
  };
  return bound({});
}

/** Writes a line from a thread. Call it in the main thread, once for each line. */
export function takeLogLine(line: LogLine, log: Logger, counters: Counters): void {
  counters.add('logsTaken', 1);
  try {
    log[line.level](line.fields, line.text);
  } catch {
    // A logger that throws is its owner's problem and must not end the job.
  }
}

function post(port: MessagePort, line: LogLine): void {
  try {
    port.postMessage(line);
  } catch {
    const fields = Object.entries(line.fields).map(([name, value]) => [name, cloneable(value)]);
    port.postMessage({ ...line, fields: Object.fromEntries(fields) });
  }
}

/** Replaces a value that cannot be cloned (a function, a socket) by text. */
function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return inspect(value, { depth: 1 }); // not `String`, which throws for some objects
  }
}

function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(fields)) {
    // A structured clone of an error loses its code.
    if (value instanceof Error) fields[name] = { type: value.name, ...toWireError(value) };
  }
  return fields;
}
