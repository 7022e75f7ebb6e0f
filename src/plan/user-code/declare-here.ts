import type { z } from 'zod';
import type { Component, ComponentKind } from '../../engine/component.js';
import { invalidModule, loadComponents, textOf } from '../../registry/component-module.js';
import { BRANCH_KEYS } from '../../settings/branch-mark.js';
import type { DeclaredComponent } from '../../wire/declared-component.js';
import { COMPONENTS_MAX } from '../../wire/planning.js';
import type { ModuleRef } from './user-code.js';

/**
 * Loads a module into the calling thread and returns the declarations of its components.
 *
 * @throws {PipelineError} `MODULE_INVALID`
 */
export async function declareHere({ module, file }: ModuleRef): Promise<readonly DeclaredComponent[]> {
  const components = (await loadComponents(module, file)).all();
  if (components.length > COMPONENTS_MAX) {
    throw invalidModule(module, `expected at most ${COMPONENTS_MAX} components, found ${components.length}`);
  }
  return Promise.all(components.map((component) => declared(module, component)));
}

/** Keys of a stage in a spec that are not options and are never passed to the component. */
const KEYS_OF_SPECS: Readonly<Record<ComponentKind, readonly string[]>> = {
  source: ['use', 'name', 'budget', 'breaker'],
  operator: ['use', 'name'],
  batcher: ['use', 'name'],
  sink: ['use', 'name', ...BRANCH_KEYS],
};

async function declared(module: string, component: Component): Promise<DeclaredComponent> {
  const { kind, name, summary, loads = 'javascript', mayChange = [], provider } = component;
  const options = await jsonSchemaOf(module, component);
  const taken = KEYS_OF_SPECS[kind].find((key) => Object.hasOwn(options.properties ?? {}, key));
  if (taken !== undefined) {
    throw invalidModule(
      module,
      `its ${kind} "${name}" has an option "${taken}", a key that ${kind}s of a spec have for themselves: choose another name`,
    );
  }
  return {
    kind,
    name,
    summary,
    loads: typeof loads === 'function' ? 'by its options' : loads,
    mayChange,
    options,
    ...(provider && { provider }),
  };
}

/** Uses a method of the schema, since this package's own copy of Zod is not loaded in the thread. */
async function jsonSchemaOf(
  module: string,
  component: Component,
): Promise<Readonly<Record<string, unknown>>> {
  const who = `its ${component.kind} "${component.name}"`;
  let schema: Partial<z.ZodType> | undefined;
  try {
    schema = await component.options();
    if (typeof schema?.safeParse === 'function' && typeof schema.toJSONSchema === 'function') {
      return schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
    }
  } catch (error) {
    throw invalidModule(module, `${who}: the schema of its options failed: ${textOf(error)}`, error);
  }
  throw invalidModule(
    module,
    `${who}: expected "options" to give a schema of Zod 4 with the methods "safeParse" and "toJSONSchema" ` +
      '(zod 4.2 or later)',
  );
}
