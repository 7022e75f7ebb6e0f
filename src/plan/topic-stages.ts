import type { Schema } from '../columns/schema.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import { isTopic } from '../wire/stages-of-spec.js';

/** What is wrong with a topic in a pipeline without a runtime. */
export const NO_TOPICS =
  'a topic connects the pipelines of a runtime: submit this spec to one (createRuntime), or give it to ' +
  '`tickloom run` with the others';

/**
 * Notes the columns of a topic among the options of its sink or source, so that the runtime knows them, and the
 * thread that makes the stage.
 */
export function withTopicSchema(stage: ResolvedStage, schema: Schema | undefined): ResolvedStage {
  if (!isTopic(stage) || !schema) return stage;
  return { ...stage, options: { ...(stage.options as object), schema } };
}
