import { z } from 'zod';
import type { ComponentKind } from '../engine/component.js';
import { SourceGateOptions } from '../providers/source-gate-options.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { INPUT_MARK } from '../settings/input-mark.js';
import { StageName } from '../settings/stage-name.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import { Catalogue } from './catalogue.js';
import { DEFAULT_BATCHER, PipelineSpec } from './pipeline-spec.js';

type JsonSchema = Record<string, unknown>;

/** What is told of a component to people and editors. Plain data. */
export interface ComponentFacts extends Omit<DeclaredComponent, 'mayChange'> {
  /** The module that declares it, where it is from outside. */
  readonly module?: string;
}

/** All components of a catalogue, or those of a kind: ours, then those from outside. */
export async function factsOf(catalogue: Catalogue, kind?: ComponentKind): Promise<ComponentFacts[]> {
  const ours = catalogue.registry.all(kind).map(async (component): Promise<ComponentFacts> => {
    const { kind, name, summary, loads = 'javascript' } = component;
    const options = toJsonSchema(await component.options());
    return { kind, name, summary, loads: typeof loads === 'string' ? loads : 'by its options', options };
  });
  const outside = catalogue.outside
    .filter((component) => kind === undefined || component.kind === kind)
    .map(({ kind, name, summary, loads, options, module }) => ({
      kind,
      name,
      summary,
      loads,
      options,
      module,
    }));
  return [...(await Promise.all(ours)), ...outside];
}

/**
 * JSON Schema (draft 2020-12) of a spec, with each component's options: for editors.
 *
 * @param registry - Default: the components of this package.
 */
export function specJsonSchema(registry: Registry = builtIn): Promise<Record<string, unknown>> {
  return catalogueJsonSchema(new Catalogue(registry));
}

/** The same with components from outside. */
export async function catalogueJsonSchema(catalogue: Catalogue): Promise<JsonSchema> {
  const outline = toJsonSchema(PipelineSpec);
  const properties = outline.properties as Record<string, JsonSchema>;
  const [source, operator, batcher, sink] = await Promise.all(
    (['source', 'operator', 'batcher', 'sink'] as const).map(async (kind) =>
      (await factsOf(catalogue, kind)).map(variant),
    ),
  );
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
    // Stages may be inside one another.
    $defs: { source: { oneOf: source }, operator: { oneOf: operator } },
  };
}

/** Puts all sources and operators where the options of a component hold some. */
function withStages(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withStages);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { [INPUT_MARK]: mark, description } = schema as JsonSchema;
  const told = description === undefined ? {} : { description };
  if (mark === 'operators') return { type: 'array', items: { $ref: '#/$defs/operator' }, ...told };
  // A line has "operators" as well, which the variants of a source refuse.
  if (mark === 'source') return { $ref: '#/$defs/source', ...told };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withStages(value)]));
}

function variant({ kind, name, summary, options }: ComponentFacts): JsonSchema {
  const { $schema: _, ...written } = rootedAtDefinition(options);
  // Within definitions of its own, references lead to those.
  const schema = written.$defs === undefined ? (withStages(written) as JsonSchema) : written;
  const required = (schema.required as string[] | undefined) ?? [];
  const isDefault = kind === 'batcher' && name === DEFAULT_BATCHER;
  return {
    ...schema,
    // Definitions of its own are found from its own root.
    ...(schema.$defs !== undefined && { $id: `urn:tickloom:${kind}:${encodeURIComponent(name)}` }),
    title: name,
    description: summary,
    properties: {
      use: { const: name },
      name: toJsonSchema(StageName),
      ...(kind === 'source' && gateProperties()),
      ...(schema.properties as JsonSchema | undefined),
    },
    required: isDefault ? required : ['use', ...required],
  };
}

/** A name that no schema of a user's is likely to have among its definitions. */
const ITS_OPTIONS = 'its-options';

/**
 * A schema whose parts refer to all of it, with a definition in place of that: in the schema of a spec, the
 * root of a component is not its options alone.
 */
function rootedAtDefinition(schema: JsonSchema): JsonSchema {
  let isMet = false;
  // The texts of all references: `toJSONSchema` makes no other property of this name with a text.
  const moved = JSON.parse(JSON.stringify(schema), (key, value: unknown) => {
    if (key !== '$ref' || value !== '#') return value;
    isMet = true;
    return `#/$defs/${ITS_OPTIONS}`;
  }) as JsonSchema; // its shape is that of the schema
  return isMet
    ? { ...moved, $defs: { ...(moved.$defs as JsonSchema | undefined), [ITS_OPTIONS]: moved } }
    : schema;
}

/** What may stand in front of any source. */
function gateProperties(): JsonSchema {
  return toJsonSchema(SourceGateOptions).properties as JsonSchema;
}

const toJsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
