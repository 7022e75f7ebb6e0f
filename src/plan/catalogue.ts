import { nearestName } from '../core/nearest-name.js';
import type { ComponentKind } from '../engine/component.js';
import { builtIn } from '../registry/built-in.js';
import { missingComponent, type Registry } from '../registry/registry.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import type { ModuleRef } from './user-code/user-code.js';

/** A component of a module that the settings name. Its code is not loaded in the thread that checks specs. */
export interface OutsideComponent extends DeclaredComponent, ModuleRef {
  /** The installed package that it was discovered in. Default: the settings name its module. */
  readonly package?: { readonly name: string; readonly version: string };
}

/** Looks up components of installed packages. */
export interface Discovery {
  find(
    kind: ComponentKind,
    name: string,
    specFolder: string | undefined,
  ): Promise<OutsideComponent | undefined>;
  names(kind: ComponentKind, specFolder: string | undefined): Promise<readonly string[]>;
  /** Loads the code of all packages. */
  all(folder: string | undefined): Promise<AllDiscovered>;
}

/** Components of all packages, as far as they can be loaded, and what is wrong with the others. */
export interface AllDiscovered {
  readonly components: readonly OutsideComponent[];
  readonly problems: readonly string[];
}

/**
 * The components that specs can use: those whose code may be loaded in this thread, and those from outside,
 * of which only the declaration is known: what the settings name, and what is installed.
 */
export class Catalogue {
  readonly registry: Registry;
  readonly outside: readonly OutsideComponent[];
  readonly #discovery: Discovery | undefined;

  /** @param discovery - Asked for names that neither of the others has. */
  constructor(
    registry: Registry = builtIn,
    outside: readonly OutsideComponent[] = [],
    discovery?: Discovery,
  ) {
    this.registry = registry;
    this.outside = outside;
    this.#discovery = discovery;
  }

  /**
   * Returns a component whose code is not loaded here.
   *
   * @param specFolder - The folder of the spec that names it, if it is from a file.
   * @throws {PipelineError} `MODULE_INVALID` for a name of an installed package that cannot be used.
   */
  async findOutside(
    kind: ComponentKind,
    name: string,
    specFolder?: string,
  ): Promise<OutsideComponent | undefined> {
    const named = this.outside.find((component) => component.kind === kind && component.name === name);
    if (named || this.registry.find(kind, name)) return named;
    return this.#discovery?.find(kind, name, specFolder);
  }

  /**
   * Returns a catalogue that has the components of all installed packages, for a list of them. What is wrong with a
   * package harms no other.
   *
   * @param folder - In place of that of a spec.
   */
  async withInstalled(
    folder: string | undefined,
  ): Promise<{ readonly catalogue: Catalogue; readonly problems: readonly string[] }> {
    const { components = [], problems = [] } = (await this.#discovery?.all(folder)) ?? {};
    const outside = [...this.outside];
    const found = [...problems];
    for (const component of components) {
      const { kind, name, module, file } = component;
      const named = this.outside.find((one) => one.kind === kind && one.name === name);
      const holder = this.registry.find(kind, name) ? 'Tickloom' : named && `module "${named.module}"`;
      if (holder === undefined) outside.push(component);
      else if (named?.file !== file) {
        found.push(
          `package "${module}": its ${kind} "${name}" is not used, since ${holder} has one of that name`,
        );
      }
    }
    return { catalogue: new Catalogue(this.registry, outside), problems: found };
  }

  /** Returns the message for an unknown component: what was expected, and what was found. */
  async missing(kind: ComponentKind, name: string, specFolder?: string): Promise<string> {
    const own = this.outside.filter((component) => component.kind === kind);
    const discovered = (await this.#discovery?.names(kind, specFolder)) ?? [];
    const known = [...this.registry.all(kind), ...own].map((component) => component.name);
    const names = [...new Set([...known, ...discovered])];
    const message = missingComponent(kind, name, names);
    const hasOthers = this.outside.length > 0 || discovered.length > 0 || this.registry !== builtIn;
    return hasOthers || nearestName(name, names) !== undefined
      ? message
      : `${message}; ${OWN_COMPONENT_HINT}`;
  }
}

/** Hint for messages when the settings name no modules. */
export const OWN_COMPONENT_HINT =
  'for a component of your own, name its module in "components" of the settings or with --components';
