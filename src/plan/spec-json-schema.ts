import { z } from 'zod';
import { SourceGuardOptions } from '../providers/source-guard-options.js';
import { COMPONENTS, type ComponentInfo, type ComponentKind } from '../registry/catalogue.js';
import { PipelineSpec } from './pipeline-spec.js';

type JsonSchema = Record<string, unknown>;

/** JSON Schema (draft 2020-12) of a spec, with each component's options: for editors. */
export function specJsonSchema(): JsonSchema {
  const outline = toJsonSchema(PipelineSpec);
  const properties = outline.properties as Record<string, JsonSchema>;
  return {
    ...outline,
    title: 'Tickloom pipeline',
    properties: {
      ...properties,
      source: { oneOf: variants('source') },
      operators: { ...properties.operators, items: { oneOf: variants('operator') } },
      batcher: { oneOf: variants('batcher') },
      sink: { oneOf: variants('sink') },
    },
  };
}

/** JSON Schema of a component's options, as people write them. */
export function optionsJsonSchema({ options }: ComponentInfo): JsonSchema {
  return toJsonSchema(options);
}

function variants(kind: ComponentKind): JsonSchema[] {
  return COMPONENTS.filter((info) => info.kind === kind).map((info) => {
    const { $schema: _, ...schema } = optionsJsonSchema(info);
    const required = (schema.required as string[] | undefined) ?? [];
    return {
      ...schema,
      title: info.name,
      description: info.summary,
      properties: {
        use: { const: info.name },
        ...(kind === 'source' && guardProperties()),
        ...(schema.properties as JsonSchema | undefined),
      },
      // There is one batcher, so that its name may be left out.
      required: kind === 'batcher' ? required : ['use', ...required],
    };
  });
}

/** What may stand in front of any source. */
function guardProperties(): JsonSchema {
  return toJsonSchema(SourceGuardOptions).properties as JsonSchema;
}

const toJsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
