/** Keys from the root of options. */
export type OptionPath = readonly (string | number)[];

/** How deep options are looked into. */
const DEPTH_MAX = 256;

/** What of a JSON Schema is walked. */
export interface JsonNode {
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
  readonly prefixItems?: readonly unknown[];
  readonly additionalProperties?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly oneOf?: readonly unknown[];
  readonly allOf?: readonly unknown[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, unknown>>;
}

/** An option that its schema marks. */
export interface MarkedOption {
  readonly path: OptionPath;
  readonly value: unknown;
  /** What of its schema is marked. */
  readonly schema: JsonNode;
}

/** Options that are found at most; more would be a mistake, or an attack. */
const FOUND_MAX = 10_000;

/**
 * Returns the options that their JSON Schema marks, and does not look into those.
 *
 * Neither the schema of a component from outside nor the options are to be trusted: the schema may refer to
 * itself, and one object may stand at many places of the options. So the options are walked beside all schemas
 * that hold for a place, and an object in which nothing was found is not looked into again for these schemas.
 *
 * @param isMarked - The same function for the same mark each time: what it says of a schema is kept.
 * @param isOnce - Whether an object that is marked at several places is returned once.
 */
export function markedOptions(
  root: JsonNode,
  options: unknown,
  isMarked: (node: JsonNode) => boolean,
  { isOnce = false } = {},
): MarkedOption[] {
  if (!hasMarks(root, isMarked) || hasNoneOf(marksOf(root, isMarked), options)) return [];
  const found: MarkedOption[] = [];
  const met = new Met();
  const within = new Set<unknown>();
  const visit = (schemas: readonly unknown[], value: unknown, path: OptionPath): void => {
    if (value === undefined || schemas.length === 0 || path.length > DEPTH_MAX || found.length >= FOUND_MAX)
      return;
    const nodes = withAlternatives(root, schemas);
    if (met.has(value, nodes) || within.has(value)) return;
    const before = found.length;
    const schema = nodes.find(isMarked);
    if (schema) {
      found.push({ path, value, schema });
    } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      within.add(value); // an object may be inside itself
      for (const [key, inner] of Object.entries(value)) {
        const schemasWithin = [...new Set(nodes.flatMap((node) => schemasAt(node, key)))];
        visit(schemasWithin, inner, [...path, Array.isArray(value) ? Number(key) : key]);
      }
      within.delete(value);
    }
    if (isOnce || found.length === before) met.add(value, nodes);
  };
  visit([root], options, []);
  return found;
}

/** By what is looked for: whether there is such a mark anywhere in a schema. */
const knownMarks = new WeakMap<(node: JsonNode) => boolean, WeakMap<object, boolean>>();

/** Whether a schema marks anything at all. Most do not, and a spec has its options looked through five times a stage. */
function hasMarks(root: JsonNode, isMarked: (node: JsonNode) => boolean): boolean {
  const bySchema = knownMarks.get(isMarked) ?? new WeakMap<object, boolean>();
  knownMarks.set(isMarked, bySchema);
  let known = bySchema.get(root);
  if (known === undefined) {
    known = someNode(root, isMarked);
    bySchema.set(root, known);
  }
  return known;
}

/** By what is looked for: the options that a mark is in. */
const knownKeys = new WeakMap<(node: JsonNode) => boolean, WeakMap<object, readonly string[] | undefined>>();

/** The options in whose schema there is a mark; `undefined` if they cannot be told by their names. */
function marksOf(root: JsonNode, isMarked: (node: JsonNode) => boolean): readonly string[] | undefined {
  const bySchema = knownKeys.get(isMarked) ?? new WeakMap<object, readonly string[] | undefined>();
  knownKeys.set(isMarked, bySchema);
  if (!bySchema.has(root)) bySchema.set(root, findKeys(root, isMarked));
  return bySchema.get(root);
}

function findKeys(root: JsonNode, isMarked: (node: JsonNode) => boolean): readonly string[] | undefined {
  const { properties, additionalProperties, items, prefixItems, anyOf, oneOf, allOf, $ref } = root;
  const isPlain = !(items || prefixItems || anyOf || oneOf || allOf || $ref || isMarked(root));
  if (!properties || !isPlain || typeof additionalProperties === 'object') return undefined;
  // What a reference leads to may be marked.
  const leads = (node: JsonNode) => isMarked(node) || node.$ref !== undefined;
  return Object.keys(properties).filter((key) => someNode(properties[key] as JsonNode, leads));
}

function hasNoneOf(keys: readonly string[] | undefined, options: unknown): boolean {
  if (!keys || typeof options !== 'object' || options === null || Array.isArray(options)) return false;
  return !keys.some((key) => Object.hasOwn(options, key));
}

/** Whether any object within a schema is marked. More are looked at than nodes, which does no harm. */
function someNode(root: JsonNode, isMarked: (node: JsonNode) => boolean): boolean {
  const met = new Set<object>();
  const left: unknown[] = [root];
  while (left.length > 0) {
    const node = left.pop();
    if (typeof node !== 'object' || node === null || met.has(node)) continue;
    met.add(node);
    if (isMarked(node)) return true;
    for (const value of Object.values(node)) left.push(value);
  }
  return false;
}

/** Returns what of a JSON Schema holds for the value at a path. */
export function nodesAt(root: JsonNode, path: OptionPath): JsonNode[] {
  return path.reduce<JsonNode[]>(
    (nodes, key) =>
      withAlternatives(root, [...new Set(nodes.flatMap((node) => schemasAt(node, String(key))))]),
    withAlternatives(root, [root]),
  );
}

/** Objects that were looked into, and for which schemas. */
class Met {
  readonly #schemas = new Map<JsonNode, number>();
  readonly #values = new Map<unknown, Set<string>>();

  has(value: unknown, nodes: readonly JsonNode[]): boolean {
    return this.#values.get(value)?.has(this.#key(nodes)) === true;
  }

  add(value: unknown, nodes: readonly JsonNode[]): void {
    if (typeof value !== 'object' || value === null) return;
    const keys = this.#values.get(value) ?? new Set();
    keys.add(this.#key(nodes));
    this.#values.set(value, keys);
  }

  #key(nodes: readonly JsonNode[]): string {
    const numbers = nodes.map((node) => {
      const number = this.#schemas.get(node) ?? this.#schemas.size;
      this.#schemas.set(node, number);
      return number;
    });
    return numbers.sort((a, b) => a - b).join(' ');
  }
}

/** Returns the value at a path; `undefined` if there is none. */
export function valueAt(root: unknown, path: OptionPath): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** The schemas, and those that they refer to or consist of. */
function withAlternatives(root: JsonNode, schemas: readonly unknown[]): JsonNode[] {
  const nodes = new Set<JsonNode>();
  const left = [...schemas];
  while (left.length > 0) {
    const schema = left.pop();
    if (typeof schema !== 'object' || schema === null || nodes.has(schema)) continue;
    nodes.add(schema);
    const { anyOf = [], oneOf = [], allOf = [], $ref } = schema as JsonNode; // made by Zod, or of a checked shape
    left.push(...anyOf, ...oneOf, ...allOf);
    if ($ref === '#') left.push(root);
    else if ($ref !== undefined) left.push(root.$defs?.[$ref.replace('#/$defs/', '')]);
  }
  return [...nodes];
}

function schemasAt(
  { properties, items, prefixItems = [], additionalProperties }: JsonNode,
  key: string,
): unknown[] {
  const own = properties && Object.hasOwn(properties, key) ? [properties[key]] : [];
  return [...own, items, additionalProperties, ...prefixItems];
}
