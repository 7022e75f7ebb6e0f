import type { ProviderErrorCode } from './provider-error-table.js';
import { redact } from './redact.js';

/** What errors are told apart by. docs/errors.md has what each means, what causes it, and what to do. */
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
  | 'SOURCE_FAILED'
  | 'OPERATOR_FAILED'
  | 'SINK_FAILED'
  | 'START_TIMED_OUT'
  | 'DRAIN_TIMED_OUT'
  | 'CHECKPOINT_INVALID'
  | 'CHECKPOINT_FAILED'
  | 'JOB_UNKNOWN'
  | 'JOB_NAME_TAKEN'
  | 'JOB_STATE'
  | 'RUNTIME_CLOSED'
  | 'BREAKER_OPEN'
  | 'BREAKER_INVALID'
  | 'BREAKER_UNKNOWN'
  | 'PEER_MISSING'
  | 'THREAD_NOT_STARTED'
  | 'THREAD_EXITED'
  | 'THREAD_CRASHED'
  | 'THREAD_OUT_OF_MEMORY'
  | 'THREAD_STOPPED'
  | 'THREAD_LEFT_RUNNING'
  | 'SCOPE_INVALID'
  | 'SCOPE_UNKNOWN'
  | 'COST_ABOVE_BURST'
  | 'COST_INVALID'
  | 'BUDGET_SPENT'
  | 'ACQUIRE_TIMED_OUT'
  | 'WAITERS_FULL'
  | 'RATE_TABLE_FULL'
  | 'RATE_CLOSED'
  | 'HANDLE_INVALID'
  | ProviderErrorCode
  | 'INTERNAL';

/** An error as it crosses threads and files: a structured clone loses class, name and code. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** Of a provider that asks to be left alone: for how long. */
  readonly retryAfterMs?: number;
  /** Messages of the causes, outermost first. */
  readonly causes?: readonly string[];
  /** Of an unexpected error (`INTERNAL`, a crash): where it came from. */
  readonly stack?: string;
}

/** Base of every error that a caller may handle. Branch on `code`; `message` is for people. */
export abstract class RuntimeError extends Error {
  abstract readonly code: ErrorCode;
  /** Whether the same call may succeed later, nothing changed. A restart policy reads this. */
  readonly retryable: boolean = false;

  /** As data, without credentials. */
  toWire(): WireError {
    const causes = causeMessages(this.cause);
    return {
      code: this.code,
      message: redact(this.message),
      retryable: this.retryable,
      ...(causes.length > 0 && { causes }),
    };
  }
}

/** Whether the same call may succeed later, by what the error itself says. */
export const isRetryable = (error: unknown): boolean => error instanceof RuntimeError && error.retryable;

/** An error that came from another thread, code and all. */
export class RemoteError extends RuntimeError {
  override readonly name = 'RemoteError';
  override readonly code: ErrorCode;
  override readonly retryable: boolean;

  constructor(wire: WireError) {
    super(wire.message);
    this.code = wire.code;
    this.retryable = wire.retryable;
    if (wire.stack) this.stack = wire.stack;
  }
}

/** Any thrown value as data, without credentials. What is no `RuntimeError` is unexpected and keeps its stack. */
export function toWireError(error: unknown): WireError {
  if (error instanceof RuntimeError) return error.toWire();
  if (!(error instanceof Error)) {
    return { code: 'INTERNAL', message: redact(String(error)), retryable: false };
  }
  return {
    code: 'INTERNAL',
    message: redact(error.message),
    retryable: false,
    ...(error.stack !== undefined && { stack: redact(error.stack) }),
  };
}

function causeMessages(cause: unknown): string[] {
  const messages: string[] = [];
  for (let at = cause; at !== undefined && messages.length < 8; ) {
    messages.push(redact(at instanceof Error ? at.message : String(at)));
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages;
}

/** One thing that is wrong with a spec. */
export interface SpecProblem {
  /** Keys and indexes from the root of the spec: `['operators', 1, 'where']`. */
  readonly path: readonly (string | number)[];
  /** What was expected and what was found. */
  readonly message: string;
  /** Where in the text, when the spec came from a file. */
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
}

/** A spec that cannot be run, with all that is wrong with it. */
export class InvalidSpecError extends RuntimeError {
  override readonly name = 'InvalidSpecError';
  override readonly code = 'SPEC_INVALID';
  readonly problems: readonly SpecProblem[];

  constructor(title: string, problems: readonly SpecProblem[]) {
    super([`Invalid ${title}:`, ...problems.map(formatProblem)].join('\n  - '));
    this.problems = problems;
  }
}

export function formatProblem({ path, message, at }: SpecProblem): string {
  const where = at ? `${at.file}:${at.line}:${at.column} ` : '';
  return `${where}${formatPath(path)}: ${message}`;
}

export function formatPath(path: readonly (string | number)[]): string {
  if (path.length === 0) return '(root)';
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** Options or settings that cannot be used, with all that is wrong with them. */
export class InvalidOptionsError extends RuntimeError {
  override readonly name = 'InvalidOptionsError';
  override readonly code = 'OPTIONS_INVALID';

  constructor(section: string, problems: readonly string[]) {
    super([`Invalid options in "${section}":`, ...problems].join('\n  - '));
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

/** A row of the input that cannot be used, where none may be left out. */
export class InvalidRowError extends RuntimeError {
  override readonly name = 'InvalidRowError';
  override readonly code = 'ROW_INVALID';
  readonly row: BadRow;

  constructor(row: BadRow) {
    super(
      `${row.file}:${row.line}: ${row.field === undefined ? '' : `${row.field}: `}expected ${row.expected}, ` +
        `found ${row.found} (set "deadLetter.path" to keep such rows in a file and go on)`,
    );
    this.row = row;
  }
}

/** An error that is told apart by its code alone. */
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
  /** When the next probe is possible; `undefined` if that is for the probes that are out, or people, to decide. */
  readonly retryAfterMs: number | undefined;
}

/** A breaker refused a call, so the call was not made. */
export class BreakerOpenError extends RuntimeError {
  override readonly name = 'BreakerOpenError';
  override readonly code = 'BREAKER_OPEN';
  override readonly retryable = true;
  readonly refusal: BreakerRefusal;

  constructor(refusal: BreakerRefusal) {
    const { breaker, state, reason, openForMs, retryAfterMs } = refusal;
    super(
      `Breaker "${breaker}" is ${state} (${reason}) and has refused calls for ${Math.round(openForMs)} ms; ` +
        (retryAfterMs === undefined
          ? state === 'heldOpen'
            ? 'it is held until it is released'
            : 'its probes are out'
          : `the next probe is possible in ${Math.ceil(retryAfterMs)} ms`),
    );
    this.refusal = refusal;
  }
}

/** A handle or a saved state that is none of a breaker's, or a breaker that was closed. */
export class InvalidBreakerError extends RuntimeError {
  override readonly name = 'InvalidBreakerError';
  override readonly code = 'BREAKER_INVALID';
}
