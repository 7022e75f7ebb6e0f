import { DEPTH_MAX } from '../../wire/planning.js';

const TEXTS = ['$ref', 'description'];
const LISTS_OF_SCHEMAS = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const MAPS_OF_SCHEMAS = ['properties', '$defs'];

/**
 * Returns what is wrong with data that should be a JSON Schema, or `undefined`. Checks the shape of each
 * part that code which walks schemas relies on (the search for secrets, the command line).
 */
export function jsonSchemaComplaint(schema: unknown, depth = 0): string | undefined {
  if (typeof schema === 'boolean' && depth > 0) return undefined;
  if (!isMap(schema)) return 'something that is not a mapping';
  if (depth >= DEPTH_MAX) return `more than ${DEPTH_MAX} levels`;
  const wrong =
    TEXTS.find((key) => key in schema && typeof schema[key] !== 'string') ??
    LISTS_OF_SCHEMAS.find((key) => key in schema && !Array.isArray(schema[key])) ??
    MAPS_OF_SCHEMAS.find((key) => key in schema && !isMap(schema[key])) ??
    ('enum' in schema && !Array.isArray(schema.enum) ? 'enum' : undefined) ??
    ('required' in schema && !isListOfTexts(schema.required) ? 'required' : undefined) ??
    ('type' in schema && typeof schema.type !== 'string' && !isListOfTexts(schema.type) ? 'type' : undefined);
  if (wrong !== undefined) return `an odd "${wrong}"`;
  const inner = [
    ...LISTS_OF_SCHEMAS.flatMap((key) => (schema[key] as unknown[] | undefined) ?? []),
    ...MAPS_OF_SCHEMAS.flatMap((key) => Object.values((schema[key] as object | undefined) ?? {})),
    ...['items', 'additionalProperties'].flatMap((key) => (key in schema ? [schema[key]] : [])),
  ];
  for (const each of inner) {
    const complaint = jsonSchemaComplaint(each, depth + 1);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isListOfTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
