import {
  assertCapability,
  assertClock,
  assertFunction,
  assertList,
  assertMapping,
  assertText,
  type Capability,
} from '../core/assert-argument.js';

const CALL = 'BudgetLeases';
const PORT: Capability = { key: 'port', what: 'a budget port', methods: ['renew'] };
const RATES: Capability = {
  key: 'rates',
  what: 'a RateCoordinator',
  methods: ['set', 'share', 'cooldown', 'status', 'need'],
};
const BREAKER: Capability = { key: 'breaker', what: 'a CircuitBreaker', methods: ['status', 'told'] };

/**
 * Checks the parts of `BudgetLeases`.
 *
 * @throws {InvalidOptionsError} if one is missing, or is none.
 */
export function checkLeasesParts(parts: object): void {
  assertMapping(CALL, parts);
  const { port, rates, budgets, owner, clock, onProblem } = parts as Readonly<Record<string, unknown>>;
  assertCapability(CALL, PORT, port);
  assertCapability(CALL, RATES, rates);
  assertText(CALL, owner);
  assertClock(CALL, clock);
  assertFunction(CALL, onProblem);
  assertList(CALL, budgets);
  for (const budget of budgets) {
    assertMapping(CALL, budget);
    const { breaker } = budget as { readonly breaker?: unknown };
    if (breaker !== undefined) assertCapability(CALL, BREAKER, breaker);
  }
}
