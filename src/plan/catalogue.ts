import { nearestName } from '../core/nearest-name.js';
import type { ComponentKind } from '../engine/component.js';
import { builtIn } from '../registry/built-in.js';
import { missingComponent, type Registry } from '../registry/registry.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import type { ModuleRef } from './user-code/user-code.js';

/** A component of a module that the settings name. Its code is not loaded in the thread that checks specs. */
export interface OutsideComponent extends DeclaredComponent, ModuleRef {}

/**
 * The components that specs can use: those whose code may be loaded in this thread, and those from outside,
 * of which only the declaration is known.
 */
export class Catalogue {
  readonly registry: Registry;
  readonly outside: readonly OutsideComponent[];

  constructor(registry: Registry = builtIn, outside: readonly OutsideComponent[] = []) {
    this.registry = registry;
    this.outside = outside;
  }

  findOutside(kind: ComponentKind, name: string): OutsideComponent | undefined {
    return this.outside.find((component) => component.kind === kind && component.name === name);
  }

  /** Returns the message for an unknown component: what was expected, and what was found. */
  missing(kind: ComponentKind, name: string): string {
    const own = this.outside.filter((component) => component.kind === kind);
    const names = [...this.registry.all(kind), ...own].map((component) => component.name);
    const message = missingComponent(kind, name, names);
    const hasOthers = this.outside.length > 0 || this.registry !== builtIn;
    return hasOthers || nearestName(name, names) !== undefined
      ? message
      : `${message}; ${OWN_COMPONENT_HINT}`;
  }
}

/** Hint for messages when the settings name no modules. */
export const OWN_COMPONENT_HINT =
  'for a component of your own, name its module in "components" of the settings or with --components';
