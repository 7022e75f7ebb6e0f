import { BRANCH_MARK } from '../settings/branch-mark.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { QueueOptions } from '../settings/queue-options.js';

type JsonSchema = Record<string, unknown>;

/** The keys of a branch that are for the sink that has it. */
interface OwnKeys {
  readonly properties: JsonSchema;
  readonly required: readonly string[];
}

/**
 * Schemas of the branches in the schema of a spec: those of all sinks, with the keys of a branch. They are
 * definitions, since a branch may have branches.
 */
export class BranchSchemas {
  readonly #found = new Map<string, OwnKeys>();

  /**
   * Returns a reference in place of the schema of an option that is a branch; `undefined` if it is none.
   *
   * @param schema - Of an option, with the mark of branches if it is one.
   */
  refFor(schema: JsonSchema): JsonSchema | undefined {
    const keys = schema[BRANCH_MARK];
    if (!Array.isArray(keys)) return undefined;
    const { properties = {}, required = [] } = schema as Partial<OwnKeys>;
    const own = {
      properties: Object.fromEntries(Object.entries(properties).filter(([key]) => keys.includes(key))),
      required: required.filter((key) => keys.includes(key)),
    };
    const name = this.#nameOf(own);
    this.#found.set(name, own);
    return { $ref: `#/$defs/${name}` };
  }

  /**
   * Returns the definitions that were referred to.
   *
   * @param sinks - Schemas of all sinks.
   */
  definitions(sinks: readonly JsonSchema[]): JsonSchema {
    const definitions = [...this.#found].map(([name, own]) => [
      name,
      { oneOf: sinks.map((sink) => asBranch(sink, name, own)) },
    ]);
    return Object.fromEntries(definitions) as JsonSchema;
  }

  /** `branch` without own keys, `branch-when` with one. Sinks with the same own keys share a definition. */
  #nameOf(own: OwnKeys): string {
    const same = [...this.#found].find(([, other]) => JSON.stringify(other) === JSON.stringify(own));
    if (same) return same[0];
    const keys = Object.keys(own.properties).map((key) => key.replaceAll(/\W/g, '_'));
    const name = ['branch', ...keys].join('-');
    return this.#found.has(name) ? `${name}-${this.#found.size + 1}` : name;
  }
}

function asBranch(sink: JsonSchema, name: string, own: OwnKeys): JsonSchema {
  const { $id, properties, required = [] } = sink as { readonly required?: string[] } & JsonSchema;
  // Within a schema with an id, references lead into that one.
  const operator = $id === undefined ? { $ref: '#/$defs/operator' } : { type: 'object' };
  const batcher = $id === undefined ? { $ref: '#/properties/batcher' } : { type: 'object' };
  const { $schema: _, ...queue } = jsonSchemaOf(QueueOptions);
  return {
    ...sink,
    ...($id !== undefined && { $id: `${String($id)}:${name}` }),
    properties: {
      ...(properties as JsonSchema),
      ...own.properties,
      operators: { type: 'array', items: operator },
      batcher,
      queue,
    },
    required: [...required, ...own.required],
  };
}
