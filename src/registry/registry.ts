import { PipelineError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { cutText, describeValue } from '../core/shown-text.js';
import type { Component, ComponentKind } from '../engine/component.js';
import type { Loads } from '../engine/stage.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import { isProvider, providerComponent } from './provider-component.js';

const KINDS: readonly ComponentKind[] = ['source', 'operator', 'batcher', 'sink'];
const LOADS: readonly Loads[] = ['javascript', 'wasm', 'native'];
/** The form of the name of a component. */
export const COMPONENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._@/-]{0,99}$/;

/** The components that specs can use, by kind and name, in the order in which they were added. A provider is a source. */
export class Registry {
  readonly #components = new Map<string, Component>();

  /**
   * @throws {PipelineError} `COMPONENT_INVALID` if a value is not a component, or two of a kind share a name.
   */
  constructor(components: Iterable<Component | ProviderDefinition> = []) {
    if (typeof (components as Iterable<unknown> | null)?.[Symbol.iterator] !== 'function') {
      const found = describeValue(components);
      throw new PipelineError('COMPONENT_INVALID', `Expected a list of components, found ${found}`);
    }
    for (const given of components) this.#add(isProvider(given) ? providerComponent(given) : given);
  }

  #add(component: Component): void {
    const complaint = complaintAbout(component);
    if (complaint !== undefined) throw new PipelineError('COMPONENT_INVALID', complaint);
    const { kind, name } = component;
    if (this.find(kind, name)) {
      throw new PipelineError(
        'COMPONENT_INVALID',
        `There is ${withArticle(kind)} "${name}" already: choose another name`,
      );
    }
    this.#components.set(keyOf(kind, name), component);
  }

  /** Returns the component of that kind and name, or `undefined`. */
  find<Kind extends ComponentKind>(kind: Kind, name: string): Component<Kind> | undefined {
    return this.#components.get(keyOf(kind, name)) as Component<Kind> | undefined; // the key has the kind
  }

  /**
   * Returns the component of that kind and name.
   *
   * @throws {PipelineError} `SPEC_INVALID` if there is none, listing the known names.
   */
  get<Kind extends ComponentKind>(kind: Kind, name: string): Component<Kind> {
    const found = this.find(kind, name);
    if (found) return found;
    const names = this.all(kind).map((component) => component.name);
    throw new PipelineError('SPEC_INVALID', missingComponent(kind, name, names));
  }

  /** Returns the components of a kind, or all components. */
  all(kind?: ComponentKind): readonly Component[] {
    const all = [...this.#components.values()];
    return kind === undefined ? all : all.filter((component) => component.kind === kind);
  }

  /** Returns a new registry that also has these components. This one does not change. */
  with(components: Iterable<Component | ProviderDefinition>): Registry {
    return new Registry([...this.#components.values(), ...new Registry(components).all()]);
  }
}

/** Returns the message for an unknown component: what was expected, and what was found. */
export function missingComponent(kind: ComponentKind, name: string, names: readonly string[]): string {
  const near = nearestName(name, names);
  return (
    `expected the name of ${withArticle(kind)} (${names.join(', ')}), found "${cutText(name, 40)}"` +
    (near === undefined ? '' : ` (did you mean "${near}"?)`)
  );
}

const withArticle = (kind: ComponentKind): string => `${kind === 'operator' ? 'an' : 'a'} ${kind}`;

const keyOf = (kind: ComponentKind, name: string): string => `${kind} ${name}`;

/** Describes what is wrong with a component. Types are no guarantee: it may come from plain JavaScript. */
function complaintAbout(component: Component): string | undefined {
  const { kind, name, summary, loads, mayChange, facts, options, load } = (component ??
    {}) as Partial<Component>;
  if (typeof component !== 'object' || component === null) {
    return `Expected a component, as defineComponent returns it, found ${describeValue(component)}`;
  }
  if (typeof name !== 'string' || !COMPONENT_NAME.test(name)) {
    return (
      'Expected the name of a component to be 1 to 100 letters, digits, ".", "_", "@", "/" or "-", a letter or digit first, ' +
      `found ${cutText(JSON.stringify(name) ?? 'none', 120)}`
    );
  }
  if (!KINDS.includes(kind as ComponentKind)) {
    return `Component "${name}": expected its kind to be one of ${KINDS.join(', ')}, found ${JSON.stringify(kind) ?? 'none'}`;
  }
  if (typeof summary !== 'string') return `Component "${name}": expected a summary, one line of text`;
  if (loads !== undefined && typeof loads !== 'function' && !LOADS.includes(loads)) {
    return `Component "${name}": expected "loads" to be one of ${LOADS.join(', ')}, or a function of its options that says so`;
  }
  if (mayChange !== undefined && !isListOfTexts(mayChange)) {
    return `Component "${name}": expected "mayChange" to be a list of names of options`;
  }
  if (facts !== undefined && typeof facts !== 'function') {
    return `Component "${name}": expected "facts" to be a function of its options`;
  }
  if (typeof options !== 'function')
    return `Component "${name}": expected a function "options" that gives its schema`;
  if (typeof load !== 'function')
    return `Component "${name}": expected a function "load" that gives its factory`;
  return undefined;
}

const isListOfTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
