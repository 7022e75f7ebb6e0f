import type { z } from 'zod';
import { SECRET_LENGTH_MIN } from '../core/hide-secrets.js';
import { jsonSchemaOf } from './json-schema-of.js';
import { type JsonNode, markedOptions } from './marked-options.js';

/**
 * The texts of options that are marked as `secret`.
 *
 * @param options - As they were written.
 */
export function secretsOf(schema: z.ZodType, options: unknown): string[] {
  return secretsByJsonSchema(jsonSchemaOf(schema), options);
}

/** The same by a JSON Schema, where the schema itself is code of users. */
export function secretsByJsonSchema(
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): string[] {
  const marked = markedOptions(jsonSchema, options, isSecret, { isOnce: true });
  if (marked.length === 0) return [];
  const texts = new Set(marked.flatMap(({ value }) => textsIn(value)));
  // Shorter ones hide nothing, and would be taken out of ordinary words.
  return [...texts].filter((text) => text.length >= SECRET_LENGTH_MIN);
}

const isSecret = ({ writeOnly }: JsonNode): boolean => writeOnly === true;

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
