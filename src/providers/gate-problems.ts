import { RuntimeError } from '../core/errors.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { SourceGateSettings } from '../wire/resolved-spec.js';

/** Problems with the budget and breaker names in a spec, each with the key that holds the name. */
export function gateProblems(
  { budget, breaker }: SourceGateSettings,
  resilience: Resilience | undefined,
): { readonly key: string; readonly message: string }[] {
  const problems: { readonly key: string; readonly message: string }[] = [];
  const attempt = (key: string, find: (resilience: Resilience) => string | undefined) => {
    const message = resilience === undefined ? NONE_DECLARED : messageOf(() => find(resilience));
    if (message !== undefined) problems.push({ key, message });
  };
  if (budget) {
    attempt('budget', (known) => {
      const { permitsMax } = known.limiter(budget);
      if (budget.cost <= permitsMax) return undefined;
      return `expected a cost of at most ${permitsMax}, the most that the budget grants at once, found ${budget.cost}`;
    });
  }
  if (breaker !== undefined) {
    attempt('breaker', (known) => {
      known.breaker(breaker);
      return undefined;
    });
  }
  return problems;
}

const NONE_DECLARED =
  'no budgets and breakers are declared; declare them in the settings of the runtime ("budgets", "breakers"; on the command line --settings FILE)';

function messageOf(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof RuntimeError) return error.message;
    throw error;
  }
}
