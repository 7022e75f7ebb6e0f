import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import type { Registry } from './registry.js';

/**
 * The factory of a checked stage. Its code is imported now, so that a thread starts with what it needs and
 * no more.
 *
 * @throws {PipelineError} `SPEC_INVALID` when there is no such component.
 */
export function loadStage<Kind extends ComponentKind>(
  registry: Registry,
  kind: Kind,
  stage: ResolvedStage,
): Promise<FactoryOf<Kind>> {
  return registry.get(kind, stage.use).load(stage.options, stage);
}
