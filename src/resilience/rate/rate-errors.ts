import { type ErrorCode, RuntimeError } from '../../core/errors.js';
import { suggestName } from '../../core/nearest-name.js';

/** A budget that nobody declared: an error, never a pass. */
export class ScopeUnknownError extends RuntimeError {
  override readonly name = 'ScopeUnknownError';
  override readonly code = 'SCOPE_UNKNOWN';

  constructor(scope: string, known: readonly string[]) {
    super(`There is no budget "${scope}"${suggestName(scope, known)}; declare it before it is spent from`);
  }
}

/** A reference that names no budget, or more than one where one is meant. */
export class InvalidScopeError extends RuntimeError {
  override readonly name = 'InvalidScopeError';
  override readonly code = 'SCOPE_INVALID';

  constructor(ref: object) {
    const given = Object.entries(ref).filter(([, value]) => value !== undefined);
    const found =
      given.length === 0 ? 'nothing' : given.map(([key, value]) => `${key} "${value}"`).join(', ');
    super(
      `Expected a provider, an endpoint with its provider, or a tenant (to spend from: a provider and a tenant together, too), found ${found}`,
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

export class CostAboveBurstError extends RuntimeError {
  override readonly name = 'CostAboveBurstError';
  override readonly code = 'COST_ABOVE_BURST';

  constructor(scope: string, cost: number, permitsMax: number) {
    super(
      `A cost of ${cost} can never be taken from "${scope}", which gives at most ${permitsMax} at once; ` +
        'split the call or raise the burst',
    );
  }
}

export class InvalidCostError extends RuntimeError {
  override readonly name = 'InvalidCostError';
  override readonly code = 'COST_INVALID';

  constructor(cost: unknown) {
    super(
      `Expected a cost of a whole number from 1 on, found ${typeof cost === 'number' ? cost : typeof cost}`,
    );
  }
}

/** Everything was given that this budget will ever give (rate 0), or the wait was too long. */
export class BudgetRefusedError extends RuntimeError {
  override readonly name = 'BudgetRefusedError';
  override readonly code: ErrorCode;
  override readonly retryable: boolean;

  private constructor(code: ErrorCode, message: string, retryable: boolean) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }

  static spent(scopes: string): BudgetRefusedError {
    return new BudgetRefusedError(
      'BUDGET_SPENT',
      `"${scopes}" has given all it ever gives (its rate is 0)`,
      false,
    );
  }

  static timedOut(scopes: string, waitedMs: number, waitMs: number | undefined): BudgetRefusedError {
    const least =
      waitMs === undefined ? '' : `; it would have been another ${Math.ceil(waitMs)} ms at the least`;
    return new BudgetRefusedError(
      'ACQUIRE_TIMED_OUT',
      `No permit from "${scopes}" within the time given (${Math.ceil(waitedMs)} ms waited)${least}`,
      true,
    );
  }

  static queueFull(scopes: string, waitersMax: number): BudgetRefusedError {
    return new BudgetRefusedError(
      'WAITERS_FULL',
      `${waitersMax} calls of this thread wait for permits already ("waitersMax"); this one wanted "${scopes}"`,
      true,
    );
  }
}

/** The shared table has no room; it says for what, and how to make some. */
export class RateTableFullError extends RuntimeError {
  override readonly name = 'RateTableFullError';
  override readonly code = 'RATE_TABLE_FULL';

  constructor(what: string, setting: string, size: number) {
    super(`The shared table of budgets has no room for ${what}: all ${size} are taken ("${setting}")`);
  }
}

export class RateClosedError extends RuntimeError {
  override readonly name = 'RateClosedError';
  override readonly code = 'RATE_CLOSED';

  constructor(what: string) {
    super(`${what} is closed`);
  }
}
