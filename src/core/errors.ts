import { InvariantError } from './invariant.js';
import type { ProviderErrorCode } from './provider-error-table.js';
import { redactedBeginning, UNREADABLE } from './redact.js';
import { cutText } from './shown-text.js';
import { outOfFiles } from './system-limits.js';
import { unlessThrows } from './unless-throws.js';

/** The codes of errors. docs/errors.md says what each means, what causes it and what to do. */
export type ErrorCode =
  | 'SPEC_INVALID'
  | 'OPTIONS_INVALID'
  | 'EXPRESSION_INVALID'
  | 'COMPONENT_INVALID'
  | 'MODULE_INVALID'
  | 'ROW_INVALID'
  | 'REJECTS_EXHAUSTED'
  | 'INPUT_LAGS'
  | 'LATE_ROW'
  | 'MEMORY_EXHAUSTED'
  | 'DICTIONARY_FULL'
  | 'INPUT_MISSING'
  | 'INPUT_UNREADABLE'
  | 'INPUT_CORRUPT'
  | 'OUTPUT_EXISTS'
  | 'OUTPUT_FAILED'
  | 'OUTPUT_IN_USE'
  | 'RUN_UNKNOWN'
  | 'FENCED'
  | 'LEASE_LOST'
  | 'SOURCE_FAILED'
  | 'OPERATOR_FAILED'
  | 'QUEUE_FULL'
  | 'TOPIC_TAKEN'
  | 'TOPIC_MISMATCH'
  | 'TOPIC_BLOCKED'
  | 'TOPIC_LOST'
  | 'SINK_FAILED'
  | 'START_TIMED_OUT'
  | 'DRAIN_TIMED_OUT'
  | 'RESTARTS_SPENT'
  | 'PROCESS_ENDED'
  | 'GROUP_SPENT'
  | 'GROUP_UNKNOWN'
  | 'JOB_STALLED'
  | 'CHECKPOINT_INVALID'
  | 'CHECKPOINT_FAILED'
  | 'STORE_INVALID'
  | 'STORE_NEWER'
  | 'STORE_IN_USE'
  | 'STORE_FAILED'
  | 'LEASE_HELD'
  | 'UNAVAILABLE'
  | 'JOB_UNKNOWN'
  | 'JOB_NAME_TAKEN'
  | 'JOB_STATE'
  | 'JOB_QUEUE_FULL'
  | 'UPDATE_REFUSED'
  | 'UPDATE_FELL_BACK'
  | 'DEPENDENCY_CYCLE'
  | 'DEPENDENCY_UNMET'
  | 'RUNTIME_CLOSED'
  | 'BREAKER_OPEN'
  | 'BREAKER_INVALID'
  | 'BREAKER_UNKNOWN'
  | 'CALL_TIMED_OUT'
  | 'PEER_MISSING'
  | 'THREAD_NOT_STARTED'
  | 'THREAD_EXITED'
  | 'THREAD_CRASHED'
  | 'THREAD_OUT_OF_MEMORY'
  | 'THREAD_STOPPED'
  | 'THREAD_BUSY'
  | 'THREAD_LEFT_RUNNING'
  | 'THREAD_STUCK'
  | 'PROCESS_NOT_STARTED'
  | 'PROCESS_LEFT_RUNNING'
  | 'PROCESS_CRASHED'
  | 'PROCESS_EXITED'
  | 'PROCESS_OUT_OF_MEMORY'
  | 'SCOPE_INVALID'
  | 'SCOPE_UNKNOWN'
  | 'COST_ABOVE_BURST'
  | 'COST_INVALID'
  | 'BUDGET_SPENT'
  | 'ACQUIRE_TIMED_OUT'
  | 'WAITERS_FULL'
  | 'RATE_TABLE_FULL'
  | 'RATE_CLOSED'
  | 'CALENDAR_RANGE'
  | 'HANDLE_INVALID'
  | ProviderErrorCode
  | 'INTERNAL';

/** Characters of a message that are kept and shown: user code may throw texts of megabytes. */
export const MESSAGE_CHARS_MAX = 8_192;
/** The same of each cause, and of a stack without its message. */
const CAUSE_CHARS_MAX = 1_024;
const STACK_CHARS_MAX = 4_096;

/** An error as it crosses threads and files: a structured clone loses class, name and code. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** The stage that it came from: its path in the spec. */
  readonly stage?: string;
  /** How long a provider asks callers to wait. */
  readonly retryAfterMs?: number;
  /** Messages of the causes, outermost first. */
  readonly causes?: readonly string[];
  /** Only of an unexpected error (`INTERNAL`, a crash). */
  readonly stack?: string;
}

/** Characters of a message before it is sent: a list of problems is longer than what is kept of an ended job. */
const WHOLE_MESSAGE_CHARS_MAX = 32_768;

/** Base of every error that a caller may handle. Branch on `code`; `message` is for people. */
export abstract class RuntimeError extends Error {
  abstract readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change. Restart policies read this. */
  readonly retryable: boolean = false;
  /** The stage that it came from: its path in the spec. The pipeline sets it, once: the innermost stage counts. */
  stage: string | undefined;

  constructor(message: string, options?: ErrorOptions) {
    super(cutText(message, WHOLE_MESSAGE_CHARS_MAX), options);
  }

  /** As data, without credentials. */
  toWire(): WireError {
    const causes = causeMessages(this.cause);
    return {
      code: this.code,
      message: wireText(this.message),
      retryable: this.retryable,
      ...(this.stage !== undefined && { stage: this.stage }),
      ...(causes.length > 0 && { causes }),
    };
  }
}

/** Whether the same call may succeed later, by what the error itself says. */
export const isRetryable = (error: unknown): boolean => error instanceof RuntimeError && error.retryable;

/** Whether the same call may succeed later. It will not after a bug, ours or that of a user. */
export function mayHelpAgain(error: unknown): boolean {
  if (error instanceof RuntimeError) return error.retryable;
  return !(
    error instanceof InvariantError ||
    // `fetch` also throws a TypeError when the network fails, but with a cause.
    (error instanceof TypeError && error.cause === undefined) ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}

/** An error that came from another thread, code and all. */
export class RemoteError extends RuntimeError {
  override readonly name = 'RemoteError';
  override readonly code: ErrorCode;
  override readonly retryable: boolean;

  constructor(wire: WireError) {
    super(wire.message);
    this.code = wire.code;
    this.retryable = wire.retryable;
    this.stage = wire.stage;
    if (wire.stack) this.stack = wire.stack;
  }
}

/** Any thrown value as data, without credentials. Anything but a `RuntimeError` is unexpected and keeps its stack. */
export function toWireError(error: unknown): WireError {
  if (error instanceof RuntimeError) return error.toWire();
  return unlessThrows(() => unexpected(error), {
    code: 'INTERNAL',
    message: UNREADABLE,
    retryable: false,
  });
}

function unexpected(error: unknown): WireError {
  if (!(error instanceof Error)) {
    return { code: 'INTERNAL', message: wireText(error), retryable: false };
  }
  const stack = wireStack(error);
  return {
    code: 'INTERNAL',
    message: withAdvice(wireText(error.message), error),
    retryable: outOfFiles(error) !== undefined,
    ...(stack !== undefined && { stack }),
  };
}

/** The message of an error that is not ours, with what to do if it is that no file can be opened any more. */
export function withAdvice(message: string, error: unknown): string {
  const advice = outOfFiles(error);
  return advice === undefined ? message : `${message}: ${advice}`;
}

const wireText = (text: unknown): string => redactedBeginning(text, MESSAGE_CHARS_MAX);

/**
 * The stack of an error, without credentials. V8 puts the message first, which may be longer than all that
 * is kept.
 */
export function wireStack({ name, message, stack }: Error): string | undefined {
  if (typeof stack !== 'string') return undefined;
  const at = message === '' ? -1 : stack.indexOf(message);
  const frames = at < 0 ? stack : stack.slice(at + message.length);
  const title = at < 0 ? '' : redactedBeginning(`${name}: ${message}`, CAUSE_CHARS_MAX);
  return `${title}${redactedBeginning(frames, STACK_CHARS_MAX)}`;
}

function causeMessages(cause: unknown): string[] {
  const messages: string[] = [];
  for (let at = cause; at !== undefined && messages.length < 8; ) {
    messages.push(redactedBeginning(messageOrSelf(at), CAUSE_CHARS_MAX));
    at = causeOf(at);
  }
  return messages;
}

/** The fields of an error of other people's code may be anything, and may throw as they are read. */
const messageOrSelf = (thrown: unknown): unknown =>
  unlessThrows(() => (thrown instanceof Error ? thrown.message : thrown), UNREADABLE);

const causeOf = (thrown: unknown): unknown =>
  unlessThrows(() => (thrown instanceof Error ? thrown.cause : undefined), undefined);

/** One thing that is wrong with a spec. */
export interface SpecProblem {
  /** Keys and indexes from the root of the spec: `['operators', 1, 'where']`. */
  readonly path: readonly (string | number)[];
  /** What was expected and what was found. */
  readonly message: string;
  /** Where in the text, when the spec came from a file. */
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
}

/** Problems that are kept of one spec. After mending a hundred, people check again anyway. */
export const PROBLEMS_MAX = 100;

/** Problems that the message of one error has. */
const PROBLEMS_SHOWN_MAX = 20;

/** Characters of one problem in a message. */
const PROBLEM_CHARS_MAX = 1_000;

/** A spec that cannot be run, with what is wrong with it. */
export class InvalidSpecError extends RuntimeError {
  override readonly name = 'InvalidSpecError';
  override readonly code = 'SPEC_INVALID';
  /** The first hundred. The message has the first twenty. */
  readonly problems: readonly SpecProblem[];
  /** How many more were found. */
  readonly problemsLeftOut: number;

  constructor(title: string, problems: readonly SpecProblem[]) {
    super(messageOf(`Invalid ${title}:`, problems, formatProblem));
    this.problems = problems.slice(0, PROBLEMS_MAX);
    this.problemsLeftOut = problems.length - this.problems.length;
  }
}

/** The title, and below it the first problems and how many more there are. */
function messageOf<Problem>(
  title: string,
  problems: readonly Problem[],
  textOf: (problem: Problem) => string,
): string {
  const lines = problems
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map((problem) => cutText(textOf(problem), PROBLEM_CHARS_MAX));
  const more = problems.length - lines.length;
  return [title, ...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n  - ');
}

export function formatProblem({ path, message, at }: SpecProblem): string {
  const where = at ? `${at.file}:${at.line}:${at.column} ` : '';
  return `${where}${shownPath(path)}: ${message}`;
}

/** A path as text, which is also the id of the stage there. In a message, use `shownPath`. */
export function formatPath(path: readonly (string | number)[]): string {
  if (path.length === 0) return '(root)';
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** Characters of a path in a message, and of one key in it. */
const SHOWN_PATH_CHARS_MAX = 400;
const KEY_CHARS_MAX = 100;

/** A path as text for people, cut where it is long. */
export function shownPath(path: readonly (string | number)[]): string {
  const steps = path.map((key) => (typeof key === 'number' ? key : cutText(key, KEY_CHARS_MAX)));
  return cutText(formatPath(steps), SHOWN_PATH_CHARS_MAX);
}

/** Options or settings that cannot be used, with what is wrong with them. */
export class InvalidOptionsError extends RuntimeError {
  override readonly name = 'InvalidOptionsError';
  override readonly code = 'OPTIONS_INVALID';
  /** The first hundred, a line each. The message has the first twenty. */
  readonly problems: readonly string[];
  /** How many more were found. */
  readonly problemsLeftOut: number;

  constructor(section: string, problems: readonly string[]) {
    super(messageOf(`Invalid options in "${cutText(section, KEY_CHARS_MAX)}":`, problems, (line) => line));
    this.problems = problems.slice(0, PROBLEMS_MAX).map((line) => cutText(line, PROBLEM_CHARS_MAX));
    this.problemsLeftOut = problems.length - this.problems.length;
  }
}

/** What is wrong with a row of the input, and where it stands. */
export interface BadRow {
  readonly file: string;
  /** 1 for the first line, header included; of a row that spans several, its first. */
  readonly line: number;
  /** Name of the field, where one is to blame. */
  readonly field?: string;
  readonly expected: string;
  readonly found: string;
  /** The row as it stood, cut where it is long. */
  readonly raw?: string;
}

/** An input row that cannot be used, in a run that may leave none out. */
export class InvalidRowError extends RuntimeError {
  override readonly name = 'InvalidRowError';
  override readonly code = 'ROW_INVALID';
  readonly row: BadRow;

  constructor(row: BadRow) {
    super(
      `${row.file}:${row.line}: ${row.field === undefined ? '' : `${row.field}: `}expected ${row.expected}, ` +
        `found ${row.found} (set "deadLetter.path" to keep such rows in a file and continue)`,
    );
    this.row = row;
  }
}

/** An error without a class of its own: only its code tells what it is. */
export class PipelineError extends RuntimeError {
  override readonly name = 'PipelineError';
  override readonly code: ErrorCode;
  override readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

export class DictionaryFullError extends RuntimeError {
  override readonly name = 'DictionaryFullError';
  override readonly code = 'DICTIONARY_FULL';

  constructor(dictionary: string, sizeMax: number) {
    super(
      `Column "${dictionary}" has more than ${sizeMax} different strings; a string column holds ` +
        'names that repeat (symbols, venues), so leave this one out or read it as a number',
    );
  }
}

/** Why a breaker did not let a call through. */
export interface BreakerRefusal {
  readonly breaker: string;
  readonly state: 'open' | 'halfOpen' | 'heldOpen';
  /** What opened it: `failuresInRow`, `heldByHand`, … */
  readonly reason: string;
  /** How long it has refused calls. */
  readonly openForMs: number;
  /** When the next probe is possible; `undefined` if probes in progress or people decide that. */
  readonly retryAfterMs: number | undefined;
}

/** Whether no call will be let through any more: the breaker has lost its owner or its machine. */
export const isFinalRefusal = ({ reason }: BreakerRefusal): boolean =>
  reason === 'ownerClosed' || reason === 'machineBroken';

/** A breaker refused a call, so the call was not made. */
export class BreakerOpenError extends RuntimeError {
  override readonly name = 'BreakerOpenError';
  override readonly code = 'BREAKER_OPEN';
  override readonly retryable: boolean;
  readonly refusal: BreakerRefusal;

  constructor(refusal: BreakerRefusal) {
    const { breaker, state, reason, openForMs } = refusal;
    super(
      `Breaker "${breaker}" is ${state} (${reason}) and has refused calls for ${Math.round(openForMs)} ms; ` +
        whatIsNext(refusal),
    );
    this.refusal = refusal;
    this.retryable = !isFinalRefusal(refusal);
  }
}

function whatIsNext(refusal: BreakerRefusal): string {
  const { state, retryAfterMs } = refusal;
  if (isFinalRefusal(refusal)) return 'it will let no call through any more: create it again';
  if (retryAfterMs !== undefined) return `the next probe is possible in ${Math.ceil(retryAfterMs)} ms`;
  return state === 'heldOpen' ? 'it is held until it is released' : 'its probes are out';
}

/** A call under a breaker took longer than it may. It was given up, and counts as a failure. */
export class CallTimeoutError extends RuntimeError {
  // The name that libraries use for time-outs.
  override readonly name = 'TimeoutError';
  override readonly code = 'CALL_TIMED_OUT';
  override readonly retryable = true;

  constructor(breaker: string, timeoutMs: number) {
    super(`A call under breaker "${breaker}" took longer than its ${timeoutMs} ms and was given up`);
  }
}

/** A breaker that was closed, or whose machine or memory is broken. */
export class InvalidBreakerError extends RuntimeError {
  override readonly name = 'InvalidBreakerError';
  override readonly code = 'BREAKER_INVALID';
}
