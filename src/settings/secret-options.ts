import { z } from 'zod';
import { SECRET_LENGTH_MIN } from '../core/hide-secrets.js';

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

/** By the schema that it was made of. */
const known = new WeakMap<z.ZodType, JsonNode>();

/**
 * The texts of options that are marked as `secret`.
 *
 * @param options - As they were written.
 */
export function secretsOf(schema: z.ZodType, options: unknown): string[] {
  let json = known.get(schema);
  if (!json) {
    json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonNode; // what it makes
    known.set(schema, json);
  }
  return new SecretTexts(json).find(options);
}

/** The same by a JSON Schema, where the schema itself is code of users. */
export function secretsByJsonSchema(
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): string[] {
  return new SecretTexts(jsonSchema).find(options);
}

/** Walks options beside their schema. A schema may refer to itself: each part of it meets a value once. */
class SecretTexts {
  readonly #root: JsonNode;
  readonly #met = new Map<unknown, Set<unknown>>();
  readonly #found = new Set<string>();

  constructor(root: JsonNode) {
    this.#root = root;
  }

  find(options: unknown): string[] {
    this.#walk(this.#root, options);
    // Shorter ones hide nothing, and would be taken out of ordinary words.
    return [...this.#found].filter((text) => text.length >= SECRET_LENGTH_MIN);
  }

  #walk(schema: unknown, value: unknown): void {
    if (typeof schema !== 'object' || schema === null || this.#hasMet(schema, value)) return;
    // Zod made it, or its shape was looked at when its module declared it.
    const { writeOnly, properties, items, prefixItems, additionalProperties, $ref, ...rest } =
      schema as JsonNode;
    if (writeOnly === true) {
      for (const text of textsIn(value)) this.#found.add(text);
      return;
    }
    for (const inner of [...(rest.anyOf ?? []), ...(rest.oneOf ?? []), ...(rest.allOf ?? [])]) {
      this.#walk(inner, value);
    }
    if ($ref !== undefined) this.#walk(this.#definition($ref), value);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, field] of Object.entries(value)) {
      if (properties && Object.hasOwn(properties, key)) this.#walk(properties[key], field);
      for (const every of [items, additionalProperties, ...(prefixItems ?? [])]) this.#walk(every, field);
    }
  }

  #definition(ref: string): unknown {
    return ref === '#' ? this.#root : this.#root.$defs?.[ref.replace('#/$defs/', '')];
  }

  #hasMet(schema: object, value: unknown): boolean {
    const schemas = this.#met.get(value) ?? new Set();
    this.#met.set(value, schemas);
    if (schemas.has(schema)) return true;
    schemas.add(schema);
    return false;
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
