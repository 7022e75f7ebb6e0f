import { z } from 'zod';
import { SECRET_LENGTH_MIN } from '../core/hide-secrets.js';

/** Keys from the root of the options; `*` stands for every key or place. */
type Path = readonly string[];

const EVERY = '*';
const DEPTH_MAX = 16;
/** By their schema, which is walked once. */
const known = new WeakMap<z.ZodType, readonly Path[]>();

/**
 * The texts of options that are marked as secret.
 *
 * @param options - As they were written.
 */
export function secretsOf(schema: z.ZodType, options: unknown): string[] {
  let paths = known.get(schema);
  if (!paths) {
    paths = markedPaths(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
    known.set(schema, paths);
  }
  return textsAt(paths, options);
}

/** The same by a JSON Schema, where the schema itself is code of users. */
export function secretsByJsonSchema(
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): string[] {
  return textsAt(markedPaths(jsonSchema), options);
}

function textsAt(paths: readonly Path[], options: unknown): string[] {
  // Shorter ones hide nothing, and would be taken out of ordinary words.
  return paths
    .flatMap((path) => valuesAt(options, path).flatMap(textsIn))
    .filter((text) => text.length >= SECRET_LENGTH_MIN);
}

function markedPaths(root: JsonNode): Path[] {
  const walk = (node: unknown, depth: number): Path[] => {
    if (typeof node !== 'object' || node === null || depth > DEPTH_MAX) return [];
    const { writeOnly, properties, items, prefixItems, additionalProperties, $ref, ...rest } =
      node as JsonNode;
    if (writeOnly === true) return [[]];
    const under = (key: string, inner: unknown): Path[] =>
      walk(inner, depth + 1).map((path) => [key, ...path]);
    return [
      ...Object.entries(properties ?? {}).flatMap(([key, inner]) => under(key, inner)),
      ...[items, additionalProperties, ...(prefixItems ?? [])].flatMap((inner) => under(EVERY, inner)),
      ...[rest.anyOf, rest.oneOf, rest.allOf].flatMap((nodes) =>
        (nodes ?? []).flatMap((inner) => walk(inner, depth + 1)),
      ),
      ...($ref === undefined ? [] : walk(root.$defs?.[$ref.replace('#/$defs/', '')], depth + 1)),
    ];
  };
  return walk(root, 0);
}

/** What of a JSON Schema is walked. */
interface JsonNode {
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

function valuesAt(value: unknown, [key, ...rest]: Path): unknown[] {
  if (key === undefined) return [value];
  if (typeof value !== 'object' || value === null) return [];
  const inner = key === EVERY ? Object.values(value) : [(value as Record<string, unknown>)[key]];
  return inner.flatMap((of) => valuesAt(of, rest));
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
