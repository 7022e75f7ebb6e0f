import type { WireError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { outOfThreads } from '../../core/system-limits.js';
import { ProcessLostError } from './process-lost-error.js';

/** What is known of a process that has ended without a report. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was ended from here. */
  readonly wasEnded: boolean;
  /** It had said that it was there. */
  readonly cameUp: boolean;
  /** What nobody caught in it, and whether a handler of users was called with it. */
  readonly fault?: { readonly error: WireError; readonly isCaught: boolean } | undefined;
  /** It ended itself, since so many bytes were resident. */
  readonly rssBytes?: number | undefined;
  /** It sent what is no message of ours. */
  readonly misspoke?: Error | undefined;
  /** The last lines that it printed to standard error. */
  readonly lastLines: readonly string[];
  readonly limits: ProcessLimits;
}

export interface ProcessLimits {
  readonly maxHeapMb: number;
  /** Of all its memory; missing: any. */
  readonly maxProcessMb?: number | undefined;
}

const MB = 1024 * 1024;
/** Sets the limit of the system on memory before it becomes the process. */
export const SHELL = '/bin/sh';
const HEAP_SPENT = /heap out of memory|Reached heap limit/;
const MEMORY_SPENT =
  /process out of memory|std::bad_alloc|[Aa]llocation failed|Cannot allocate memory|OutOfMemory/;

/** Why a process ended, as the error of its run. */
export function lossOf(end: ProcessEnd): ProcessLostError {
  const { code, signal, rssBytes, misspoke, limits } = end;
  const { maxHeapMb, maxProcessMb } = limits;
  if (rssBytes !== undefined) {
    return new ProcessLostError(
      'PROCESS_OUT_OF_MEMORY',
      `The process had ${Math.ceil(rssBytes / MB)} MB in memory, more than the ${maxProcessMb} MB that it may have ("maxProcessMb")`,
    );
  }
  if (misspoke) return new ProcessLostError('PROCESS_CRASHED', `The process was ended: ${misspoke.message}`);
  if (end.wasEnded) return new ProcessLostError('THREAD_STOPPED', 'The process was ended');
  const fault = faultOf(end);
  const said = lastWords(end.lastLines);
  const text = end.lastLines.join('\n');
  if (HEAP_SPENT.test(text)) {
    const limit = heapLimitMb(limits);
    const option = limit < maxHeapMb ? 'maxProcessMb' : 'maxHeapMb';
    return new ProcessLostError(
      'PROCESS_OUT_OF_MEMORY',
      `The process needed more than the ${limit} MB of heap that it may have ("${option}")`,
    );
  }
  if (MEMORY_SPENT.test(text) || MEMORY_SPENT.test(fault?.message ?? '')) {
    const limit =
      maxProcessMb === undefined ? '' : `, of which it may have ${maxProcessMb} MB ("maxProcessMb")`;
    return new ProcessLostError('PROCESS_OUT_OF_MEMORY', `The process got no more memory${limit}${said}`);
  }
  if (fault)
    return new ProcessLostError('PROCESS_CRASHED', `The process crashed: ${fault.message}`, fault.stack);
  if (!end.cameUp) {
    const how = signal ? `it was ended by ${signal}` : `it exited with code ${code}`;
    return new ProcessLostError('PROCESS_NOT_STARTED', `The process did not start: ${how}${said}`);
  }
  if (signal === 'SIGKILL') {
    const message =
      'The process was ended by SIGKILL, which was not sent from here: by hand, or by the system because memory ran out (its log says so)';
    return new ProcessLostError('PROCESS_CRASHED', `${message}${said}`);
  }
  if (signal) return new ProcessLostError('PROCESS_CRASHED', `The process was ended by ${signal}${said}`);
  return new ProcessLostError(
    'PROCESS_EXITED',
    `The process exited with code ${code} before its pipeline had ended (process.exit?)${said}`,
  );
}

/** Its exit code when a handler of what nobody has caught throws itself. */
const HANDLER_THREW = 7;

/** What it ended with: it can go on after what a handler has taken, and end with something else. */
const faultOf = ({ fault, code }: ProcessEnd): WireError | undefined =>
  fault && (!fault.isCaught || code === HANDLER_THREW) ? fault.error : undefined;

/** Why a process could not be started at all. */
export function startLossOf(error: Error): ProcessLostError {
  return new ProcessLostError(
    'PROCESS_NOT_STARTED',
    `The process did not start: ${missingShell(error) ?? outOfThreads(error) ?? redact(error.message)}`,
  );
}

function missingShell({ code, path }: NodeJS.ErrnoException): string | undefined {
  if (code !== 'ENOENT' || path !== SHELL) return undefined;
  return `"maxProcessMb" needs a shell at ${SHELL}, which sets the limit, and there is none: add one, such as that of busybox, or leave "maxProcessMb" out`;
}

/** A heap never needs more than all of the process may have. */
export const heapLimitMb = ({ maxHeapMb, maxProcessMb = maxHeapMb }: ProcessLimits): number =>
  Math.min(maxHeapMb, maxProcessMb);

const lastWords = (lines: readonly string[]): string =>
  lines.length === 0 ? '' : `; its last lines: ${redact(lines.join('\n'))}`;
