import { cutText, describeValue } from '../../core/shown-text.js';
import type { ComponentKind } from '../../engine/component.js';
import { COMPONENT_NAME } from '../../registry/registry.js';
import { COMPONENTS_MAX } from '../../wire/planning.js';
import { PROVIDER_CONTRACT } from '../../wire/provider-capabilities.js';

/** A name that a package gives to one of its components. A provider is a source. */
export interface PackageName {
  readonly kind: ComponentKind;
  readonly name: string;
}

/** What a package says of its components in the field `tickloom` of its `package.json`. */
export interface PackageField {
  /** The module with its components, as a path within the package. */
  readonly components: string;
  readonly names: readonly PackageName[];
  /** Why they cannot be used. */
  readonly problem?: string | undefined;
}

const KINDS: readonly string[] = ['source', 'operator', 'batcher', 'sink'] satisfies readonly ComponentKind[];

const FORM =
  '{ "contract": 1, "components": "./component.js", "names": { "source": ["name"], "operator": ["name"] } }';

/**
 * Reads the field. Names are read even if they cannot be used, so that a spec with one of them is told why.
 *
 * @returns `undefined` if a package has no such field.
 */
export function readPackageField(field: unknown): PackageField | undefined {
  if (field === undefined) return undefined;
  if (!isMap(field)) return refused([], `expected ${FORM}, found ${describeValue(field)}`);
  const { contract, components, names } = field;
  const given = isMap(names) ? Object.entries(names) : [];
  const known: PackageName[] = [];
  let problem: string | undefined;
  let found = 0;
  for (const [, list] of given) if (Array.isArray(list)) found += list.length;
  if (found > COMPONENTS_MAX) {
    return refused([], `"names": expected at most ${COMPONENTS_MAX} names, found ${found}`);
  }
  for (const [kind, list] of given) {
    if (!KINDS.includes(kind)) {
      problem ??= `"names": expected ${KINDS.join(', ')}, found "${cutText(kind, 40)}"`;
    } else if (!Array.isArray(list) || !list.every(isName)) {
      problem ??= `"names.${kind}": expected a list of names, found ${describeValue(list)}`;
    } else {
      known.push(...list.map((name) => ({ kind: kind as ComponentKind, name })));
    }
  }
  if (contract !== PROVIDER_CONTRACT) {
    problem = `"contract": expected ${PROVIDER_CONTRACT}, the one that this release of Tickloom knows, found ${describeValue(contract)}`;
  }
  if (known.length === 0) problem ??= `"names": expected the names of its components, as in ${FORM}`;
  if (typeof components !== 'string' || !components.startsWith('./')) {
    problem ??= `"components": expected the path of a module within the package, such as "./component.js", found ${describeValue(components)}`;
    return refused(known, problem);
  }
  return { components, names: known, ...(problem !== undefined && { problem }) };
}

const refused = (names: readonly PackageName[], problem: string): PackageField => ({
  components: './',
  names,
  problem,
});

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string => typeof value === 'string' && COMPONENT_NAME.test(value);
