import type { z } from 'zod';
import type { SpecProblem } from '../core/errors.js';
import { knownKeys } from './known-keys.js';
import type { JsonNode, OptionPath } from './marked-options.js';
import { schemaProblems } from './schema-problems.js';

/** What a check knows beyond the schema. */
export interface DataContext {
  /** Where the data is: paths of problems begin with it. */
  readonly at?: OptionPath;
  /** Returns the JSON Schema of the data, to tell which key was meant. Asked for only if a key is unknown. */
  readonly jsonSchema?: () => JsonNode;
  /** Keys that belong there besides those of the schema. */
  readonly otherKeys?: readonly string[];
  /** Says where a key belongs that has no place here; `undefined` if that is unknown. */
  readonly whereItBelongs?: (key: string) => string | undefined;
}

/** Data with its defaults, or what is wrong with it. */
export type CheckedData<T> =
  | { readonly data: T; readonly problems: readonly []; readonly issues: readonly [] }
  | {
      readonly data: undefined;
      readonly problems: readonly SpecProblem[];
      readonly issues: readonly z.core.$ZodIssue[];
    };

/**
 * Checks data against a schema. Specs, options and settings are all checked here, so that a mistake reads the
 * same wherever it is made.
 */
export function checkData<S extends z.ZodType>(
  schema: S,
  data: unknown,
  { at, jsonSchema, otherKeys = [], whereItBelongs }: DataContext = {},
): CheckedData<z.output<S>> {
  const result = parsed(schema, data);
  if (result === undefined) return { data: undefined, problems: [tooMuch(at)], issues: [] };
  if (result.success) return { data: result.data, problems: [], issues: [] };
  const { issues } = result.error;
  const keysAt = (path: OptionPath) => [
    ...(jsonSchema ? knownKeys(jsonSchema(), path) : []),
    ...(path.length === 0 ? otherKeys : []),
  ];
  const hints = { keysAt, ...(whereItBelongs && { whereItBelongs }) };
  return { data: undefined, problems: schemaProblems(issues, data, at, hints), issues };
}

/**
 * From this check on, Zod compiles a function for each object of a schema. A process that checks one spec has no use
 * for them, and waits longer for them than for the checks.
 */
const CHECKS_OF_COMPILED = 16;
/** How often each schema has checked data. */
const checksOf = new WeakMap<z.ZodType, number>();

/** @returns `undefined` if the schema finds more than it can hold: a mistake in each of 100,000 keys, or no end. */
function parsed<S extends z.ZodType>(schema: S, data: unknown) {
  const checks = (checksOf.get(schema) ?? 0) + 1;
  checksOf.set(schema, checks);
  try {
    return schema.safeParse(data, { reportInput: true, jitless: checks < CHECKS_OF_COMPILED });
  } catch (error) {
    if (isTooDeep(error)) return undefined;
    throw error;
  }
}

/** The schema may run code of a component, whose own errors are not judged here. */
const isTooDeep = (error: unknown): boolean =>
  error instanceof RangeError && error.message === 'Maximum call stack size exceeded';

const tooMuch = (at: OptionPath = []): SpecProblem => ({
  path: at,
  message: 'expected data that can be checked, found some 100,000 mistakes or lists and mappings without end',
});
