import { gateProblems } from '../providers/gate-problems.js';
import type { ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { StageCheck } from './stage-check.js';

/** Checks that the budget and the breaker in front of a source exist. Their form was checked before. */
export function gateOf(
  { resilience, problems }: StageCheck,
  { budget, breaker }: SourceGateSettings,
  path: Path,
): SourceGateSettings | undefined {
  if (budget === undefined && breaker === undefined) return undefined;
  const gate = { ...(budget && { budget }), ...(breaker !== undefined && { breaker }) };
  for (const { key, message } of gateProblems(gate, resilience)) {
    problems.push({ path: [...path, key], message });
  }
  return gate;
}

/**
 * Says that a source that only reads other sources has no gate: it would wait although rows are in hand, and let the
 * calls of those sources pass. Code of users may call a provider besides.
 */
export function refuseGateBehindInputs(
  { problems }: StageCheck,
  { inputs = {}, runsUserCode }: ResolvedStage,
  gate: SourceGateSettings,
  path: Path,
): void {
  const sources = Object.keys(inputs);
  if (sources.length === 0 || runsUserCode) return;
  for (const key of ['budget', 'breaker'] as const) {
    if (gate[key] === undefined) continue;
    const message =
      `expected no ${key} in front of a source that reads other sources, since only these call a provider: give it ` +
      `to ${sources.join(', ')}`;
    problems.push({ path: [...path, key], message });
  }
}
