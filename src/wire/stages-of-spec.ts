import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';
import { stagesWithin } from './stage-tree.js';

/** Returns all stages, those of inputs and branches included. */
export function stagesOf(spec: ResolvedSpec): readonly ResolvedStage[] {
  const { source, operators, batcher, sink } = spec;
  return [source, ...operators, batcher, sink].flatMap(stagesWithin);
}

/** Returns the texts that must not appear in any log, report or error of the job. */
export function secretsOfSpec(spec: ResolvedSpec): readonly string[] {
  return stagesOf(spec).flatMap(({ secrets = [] }) => secrets);
}

/** Whether a source names a budget or a breaker, those of inputs and in branches included. */
export function needsResilience(spec: ResolvedSpec): boolean {
  const inputs = stagesOf(spec).flatMap((stage) => Object.values(stage.inputs ?? {}));
  return spec.gate !== undefined || inputs.some(({ gate }) => gate !== undefined);
}
