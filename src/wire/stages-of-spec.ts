import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';

/** All stages, in order. */
export function stagesOf({ source, operators, batcher, sink }: ResolvedSpec): readonly ResolvedStage[] {
  return [source, ...operators, batcher, sink];
}

/** What no log, report or error of its job may show. */
export function secretsOfSpec(spec: ResolvedSpec): readonly string[] {
  return stagesOf(spec).flatMap(({ secrets = [] }) => secrets);
}
