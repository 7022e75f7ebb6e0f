import type { z } from 'zod';
import { lackingMethods } from '../core/assert-argument.js';
import { InvalidOptionsError } from '../core/errors.js';
import type { ComponentKind } from '../engine/component.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { INPUT_MARK } from '../settings/input-mark.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { StageName } from '../settings/stage-name.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import type { ExactlyOnce } from '../wire/exactly-once.js';
import { BranchSchemas } from './branch-schemas.js';
import { Catalogue } from './catalogue.js';
import { DEFAULT_BATCHER, PipelineSpec } from './pipeline-spec.js';
import { SourceFrontOptions } from './source-front-options.js';

type JsonSchema = Record<string, unknown>;

/** A description of a component for people and editors. Plain data. */
export interface ComponentFacts extends Omit<DeclaredComponent, 'mayChange'> {
  /** Whether its stages take part in checkpoints; missing if it does not say so. */
  readonly exactlyOnce?: ExactlyOnce;
  /** The module that declares it, if it is from outside. */
  readonly module?: string;
  /** The installed package that it was discovered in. */
  readonly package?: { readonly name: string; readonly version: string };
}

/** Describes all components of a catalogue, or those of one kind: built-in ones first, then those from outside. */
export async function factsOf(catalogue: Catalogue, kind?: ComponentKind): Promise<ComponentFacts[]> {
  const ours = catalogue.registry.all(kind).map(async (component): Promise<ComponentFacts> => {
    const { kind, name, summary, loads = 'javascript', provider, exactlyOnce } = component;
    const options = toJsonSchema(await component.options());
    return {
      kind,
      name,
      summary,
      loads: typeof loads === 'string' ? loads : 'by its options',
      options,
      ...(exactlyOnce && { exactlyOnce }),
      ...(provider && { provider }),
    };
  });
  const outside = catalogue.outside
    .filter((component) => kind === undefined || component.kind === kind)
    .map(({ mayChange: _, file: __, ...told }) => told);
  return [...(await Promise.all(ours)), ...outside];
}

/**
 * Returns the JSON Schema (draft 2020-12) of a spec with the options of each component, for editors.
 *
 * @param registry - Default: the components of this package.
 * @throws {InvalidOptionsError} if `registry` is not a registry.
 */
export async function specJsonSchema(registry: Registry = builtIn): Promise<Record<string, unknown>> {
  const problems = lackingMethods({ key: 'registry', what: 'a Registry', methods: ['all'] }, registry);
  if (problems.length > 0) throw new InvalidOptionsError('specJsonSchema', problems);
  return catalogueJsonSchema(new Catalogue(registry));
}

/** Returns the same schema as `specJsonSchema`, including components from outside. */
export async function catalogueJsonSchema(catalogue: Catalogue): Promise<JsonSchema> {
  const outline = toJsonSchema(PipelineSpec);
  const properties = outline.properties as Record<string, JsonSchema>;
  const branches = new BranchSchemas();
  const variantsOf = async (kind: ComponentKind) =>
    (await factsOf(catalogue, kind)).map((facts) => variant(facts, branches));
  const [source, operator, batcher, sink] = [
    await variantsOf('source'),
    await variantsOf('operator'),
    await variantsOf('batcher'),
    await variantsOf('sink'),
  ];
  return {
    ...outline,
    title: 'Tickloom pipeline',
    properties: {
      ...properties,
      source: { $ref: '#/$defs/source' },
      operators: { ...properties.operators, items: { $ref: '#/$defs/operator' } },
      batcher: { oneOf: batcher },
      sink: { oneOf: sink },
    },
    // As definitions, since stages may be nested.
    $defs: { source: { oneOf: source }, operator: { oneOf: operator }, ...branches.definitions(sink) },
  };
}

/** Inserts references to all stages of a kind where the options of a component hold some. */
function withStages(schema: unknown, branches: BranchSchemas): unknown {
  if (Array.isArray(schema)) return schema.map((each) => withStages(each, branches));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { [INPUT_MARK]: mark, description } = schema as JsonSchema;
  const told = description === undefined ? {} : { description };
  const branch = branches.refFor(schema as JsonSchema);
  if (branch) return { ...branch, ...told };
  if (mark === 'operators') return { type: 'array', items: { $ref: '#/$defs/operator' }, ...told };
  // The mark "line" is not replaced: a line also has "operators", which the variants of a source refuse.
  if (mark === 'source') return { $ref: '#/$defs/source', ...told };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withStages(value, branches)]));
}

function variant({ kind, name, summary, options }: ComponentFacts, branches: BranchSchemas): JsonSchema {
  const { $schema: _, ...written } = rootedAtDefinition(options);
  // A schema with its own definitions is left alone: references in it lead to those.
  const schema = written.$defs === undefined ? (withStages(written, branches) as JsonSchema) : written;
  const required = (schema.required as string[] | undefined) ?? [];
  const isDefault = kind === 'batcher' && name === DEFAULT_BATCHER;
  return {
    ...schema,
    // Its own definitions are resolved from its own root.
    ...(schema.$defs !== undefined && { $id: `urn:tickloom:${kind}:${encodeURIComponent(name)}` }),
    title: name,
    description: summary,
    properties: {
      use: { const: name },
      name: toJsonSchema(StageName),
      ...(kind === 'source' && frontProperties()),
      ...(schema.properties as JsonSchema | undefined),
    },
    required: isDefault ? required : ['use', ...required],
  };
}

/** A name that no user's schema is likely to use for a definition. */
const ITS_OPTIONS = 'its-options';

/**
 * Moves a schema that refers to its own root into a definition, and points those references there. Inside
 * the schema of a spec, the root of a component holds more than its options.
 */
function rootedAtDefinition(schema: JsonSchema): JsonSchema {
  let isMet = false;
  // Every `$ref` with a string is a reference: `toJSONSchema` makes no other property of that name.
  const moved = JSON.parse(JSON.stringify(schema), (key, value: unknown) => {
    if (key !== '$ref' || value !== '#') return value;
    isMet = true;
    return `#/$defs/${ITS_OPTIONS}`;
  }) as JsonSchema; // its shape is that of the schema
  return isMet
    ? { ...moved, $defs: { ...(moved.$defs as JsonSchema | undefined), [ITS_OPTIONS]: moved } }
    : schema;
}

/** The options of what stands around any source. */
function frontProperties(): JsonSchema {
  return toJsonSchema(SourceFrontOptions).properties as JsonSchema;
}

const toJsonSchema = (schema: z.ZodType): JsonSchema => jsonSchemaOf(schema);
