import { type ErrorCode, RuntimeError } from '../../core/errors.js';
import { suggestName } from '../../core/nearest-name.js';
import { describeValue, quoted } from '../../core/shown-text.js';

/** A budget that nobody declared. This is an error: nothing is granted. */
export class ScopeUnknownError extends RuntimeError {
  override readonly name = 'ScopeUnknownError';
  override readonly code = 'SCOPE_UNKNOWN';

  constructor(scope: string, known: readonly string[]) {
    super(
      `There is no budget ${quoted(scope)}${suggestName(scope, known)}; declare it before spending from it`,
    );
  }
}

/** More are not told of a reference. */
const NAMES_TOLD_MAX = 5;

/** A reference that names no budget, or more than one where exactly one is expected. */
export class InvalidScopeError extends RuntimeError {
  override readonly name = 'InvalidScopeError';
  override readonly code = 'SCOPE_INVALID';

  constructor(ref: unknown) {
    const given = Object.entries(typeof ref === 'object' && ref !== null ? ref : {})
      .filter(([, value]) => value !== undefined)
      .slice(0, NAMES_TOLD_MAX);
    const found =
      given.length === 0
        ? 'nothing'
        : given.map(([key, value]) => `${key} ${quoted(String(value))}`).join(', ');
    super(
      `Expected a provider, an endpoint with its provider, or a tenant (a limiter may name a provider and a tenant together), found ${found}`,
    );
  }
}

/** The budget was removed after it had been opened. */
export class ScopeRemovedError extends RuntimeError {
  override readonly name = 'ScopeRemovedError';
  override readonly code = 'SCOPE_UNKNOWN';

  constructor(scope: string) {
    super(`The budget "${scope}" was removed`);
  }
}

/** A call costs more than its budget can ever give at once. */
export class CostAboveBurstError extends RuntimeError {
  override readonly name = 'CostAboveBurstError';
  override readonly code = 'COST_ABOVE_BURST';

  /** @param cost - Permits that were asked for. */
  constructor(scope: string, cost: number, permitsMax: number) {
    super(
      `A cost of ${cost} can never be taken from "${scope}", which gives at most ${permitsMax} at once; ` +
        'split the call or raise the burst',
    );
  }
}

/** A cost that is no whole number from 1 on. */
export class InvalidCostError extends RuntimeError {
  override readonly name = 'InvalidCostError';
  override readonly code = 'COST_INVALID';

  constructor(cost: unknown) {
    super(`Expected a cost that is a whole number of at least 1, found ${describeValue(cost)}`);
  }
}

/** A budget with rate 0 is used up, the wait was too long, or too many calls are waiting. */
export class BudgetRefusedError extends RuntimeError {
  override readonly name = 'BudgetRefusedError';
  override readonly code: ErrorCode;
  override readonly retryable: boolean;

  private constructor(code: ErrorCode, message: string, retryable: boolean) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }

  /** @internal */
  static spent(scopes: string): BudgetRefusedError {
    return new BudgetRefusedError(
      'BUDGET_SPENT',
      `"${scopes}" is used up and grants nothing more (its rate is 0)`,
      false,
    );
  }

  /** @internal */
  static timedOut(
    scopes: string,
    waitedMs: number,
    waitMs: number | undefined,
    because?: string | undefined,
  ): BudgetRefusedError {
    const least =
      waitMs === undefined ? '' : `; it would have taken at least another ${Math.ceil(waitMs)} ms`;
    return new BudgetRefusedError(
      'ACQUIRE_TIMED_OUT',
      `No permit from "${scopes}" within the timeout (waited ${Math.ceil(waitedMs)} ms)${least}${because === undefined ? '' : `: ${because}`}`,
      true,
    );
  }

  /** @internal */
  static queueFull(scopes: string, waitersMax: number): BudgetRefusedError {
    return new BudgetRefusedError(
      'WAITERS_FULL',
      `${waitersMax} calls of this thread are already waiting for permits ("waitersMax"); this one asked for "${scopes}"`,
      true,
    );
  }
}

/** The shared table has no room. The message says for what, and which setting makes room. */
export class RateTableFullError extends RuntimeError {
  override readonly name = 'RateTableFullError';
  override readonly code = 'RATE_TABLE_FULL';

  /** @param size - Number of what the setting gives room for. */
  constructor(what: string, setting: string, size: number) {
    super(`The shared table of budgets has no room for ${what}: all ${size} are taken ("${setting}")`);
  }
}

/** The budgets, or this thread's client of them, were closed. */
export class RateClosedError extends RuntimeError {
  override readonly name = 'RateClosedError';
  override readonly code = 'RATE_CLOSED';

  constructor(what: string) {
    super(`${what} is closed`);
  }
}
