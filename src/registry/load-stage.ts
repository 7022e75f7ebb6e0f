import type { Component, ComponentKind, FactoryOf } from '../engine/component.js';
import { loadedBy } from '../engine/load-once.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import { invalidModule, loadComponents, textOf } from './component-module.js';
import type { Registry } from './registry.js';

/**
 * Loads the factory of a checked stage. Its code is imported only now, so that a thread loads no more than
 * it needs.
 *
 * @throws {PipelineError} `SPEC_INVALID` if there is no such component; `MODULE_INVALID` if its module
 *   cannot be loaded, or returns no factory.
 */
export async function loadStage<Kind extends ComponentKind>(
  registry: Registry,
  kind: Kind,
  stage: ResolvedStage,
): Promise<FactoryOf<Kind>> {
  const component = await componentOf(registry, kind, stage);
  if (!stage.outside) return component.load(stage.options, stage);
  const { module } = stage.outside;
  let factory: FactoryOf<Kind>;
  try {
    factory = await component.load(stage.options, stage);
  } catch (error) {
    throw invalidModule(
      module,
      `its ${kind} "${stage.use}" failed while it was loaded: ${textOf(error)}`,
      error,
    );
  }
  // The cast is true: the table lists, for each kind, methods of the factory of that kind.
  const lacking = (MUST_HAVE[kind] as readonly (keyof FactoryOf<Kind>)[]).filter(
    (name) => typeof factory?.[name] !== 'function',
  );
  if (lacking.length === 0) {
    const { guardFactory } = await import('./guard-factory.js'); // most threads do not need it
    return guardFactory(kind, stage.use, module, factory);
  }
  const names = MUST_HAVE[kind].map((name) => `"${name}"`).join(' and ');
  throw invalidModule(
    module,
    `expected "load" of its ${kind} "${stage.use}" to give an object with ${names}, found none of ${lacking.join(', ')}`,
  );
}

/** Returns the factory of a checked stage if it is one of this package whose code was loaded before. */
export function loadedStage<Kind extends ComponentKind>(
  registry: Registry,
  kind: Kind,
  { use, outside }: ResolvedStage,
): FactoryOf<Kind> | undefined {
  const component = outside ? undefined : registry.find(kind, use);
  return component && loadedBy(component.load);
}

const MUST_HAVE = {
  source: ['plan', 'create'],
  operator: ['plan', 'create'],
  batcher: ['create'],
  sink: ['create'],
} as const satisfies { readonly [Kind in ComponentKind]: readonly (keyof FactoryOf<Kind>)[] };

/**
 * Returns the component of a stage. If it is from outside, its module is loaded into the calling thread.
 *
 * @throws {PipelineError} `SPEC_INVALID` if this package has no such component; `MODULE_INVALID` if the
 *   module cannot be loaded or does not have it.
 */
export async function componentOf<Kind extends ComponentKind>(
  registry: Registry,
  kind: Kind,
  { use, outside, file }: ResolvedStage,
): Promise<Component<Kind>> {
  if (!outside || file === undefined) return registry.get(kind, use);
  const declared = await loadComponents(outside.module, file);
  const found = declared.find(kind, use);
  if (found) return found;
  throw invalidModule(
    outside.module,
    `it declares no ${kind} "${use}" any more: has it changed since the settings were read?`,
  );
}
