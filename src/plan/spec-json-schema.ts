import { z } from 'zod';
import type { Component, ComponentKind } from '../engine/component.js';
import { SourceGateOptions } from '../providers/source-gate-options.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { PipelineSpec } from './pipeline-spec.js';

type JsonSchema = Record<string, unknown>;

/**
 * JSON Schema (draft 2020-12) of a spec, with each component's options: for editors.
 *
 * @param registry - Default: the components of this package.
 */
export async function specJsonSchema(registry: Registry = builtIn): Promise<JsonSchema> {
  const outline = toJsonSchema(PipelineSpec);
  const properties = outline.properties as Record<string, JsonSchema>;
  const [source, operator, batcher, sink] = await Promise.all(
    (['source', 'operator', 'batcher', 'sink'] as const).map((kind) => variants(registry, kind)),
  );
  return {
    ...outline,
    title: 'Tickloom pipeline',
    properties: {
      ...properties,
      source: { oneOf: source },
      operators: { ...properties.operators, items: { oneOf: operator } },
      batcher: { oneOf: batcher },
      sink: { oneOf: sink },
    },
  };
}

/** JSON Schema of a component's options, as people write them. */
export async function optionsJsonSchema(component: Component): Promise<JsonSchema> {
  return toJsonSchema(await component.options());
}

function variants(registry: Registry, kind: ComponentKind): Promise<JsonSchema[]> {
  return Promise.all(
    registry.all(kind).map(async (component) => {
      const { $schema: _, ...schema } = await optionsJsonSchema(component);
      const required = (schema.required as string[] | undefined) ?? [];
      return {
        ...schema,
        title: component.name,
        description: component.summary,
        properties: {
          use: { const: component.name },
          ...(kind === 'source' && gateProperties()),
          ...(schema.properties as JsonSchema | undefined),
        },
        // There is one batcher, so that its name may be left out.
        required: kind === 'batcher' ? required : ['use', ...required],
      };
    }),
  );
}

/** What may stand in front of any source. */
function gateProperties(): JsonSchema {
  return toJsonSchema(SourceGateOptions).properties as JsonSchema;
}

const toJsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
