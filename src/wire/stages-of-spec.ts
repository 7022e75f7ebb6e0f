import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';

/** Returns all stages, in order. */
export function stagesOf({ source, operators, batcher, sink }: ResolvedSpec): readonly ResolvedStage[] {
  return [source, ...operators, batcher, sink];
}

/** Returns the texts that must not appear in any log, report or error of the job. */
export function secretsOfSpec(spec: ResolvedSpec): readonly string[] {
  return stagesOf(spec).flatMap(({ secrets = [] }) => secrets);
}
