import type { z } from 'zod';
import { PipelineError } from '../../core/errors.js';
import { feedIssues, feedJsonSchema } from './feed-options.js';
import { FEED_KEYS, type FeedProvider, feedOptionsOf, fieldsOf, withoutFeed } from './own-options.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes a schema of the options that every provider has and of its own ones. It is no schema of Zod but has the two
 * methods that checks of options use: the provider's schema may be of another copy of Zod, and schemas of two
 * copies cannot be put together.
 */
export function providerOptions(provider: FeedProvider, own: z.ZodType): z.ZodType {
  const schema: Pick<z.ZodType, 'safeParse'> & { toJSONSchema(params?: unknown): unknown } = {
    safeParse(data, context) {
      const written = fieldsOf(data);
      const checked = own.safeParse(withoutFeed(written), context);
      const issues = [...feedIssues(provider, written), ...(checked.error?.issues ?? [])];
      return (
        issues.length > 0
          ? { success: false, error: { issues } }
          : { success: true, data: { ...feedOptionsOf(written), ...fieldsOf(checked.data) } }
      ) as ReturnType<z.ZodType['safeParse']>; // of its error, the issues are all that is read
    },
    toJSONSchema(params) {
      const toJson = own.toJSONSchema as (params: unknown) => Fields;
      return merged(provider, toJson.call(own, params));
    },
  };
  return schema as unknown as z.ZodType; // nothing else of it is used
}

/** @throws {PipelineError} `COMPONENT_INVALID` if the options cannot stand beside those of every provider. */
function merged(provider: FeedProvider, own: Fields): Fields {
  const who = `Provider "${provider.name}"`;
  if (own.type !== 'object') {
    throw new PipelineError('COMPONENT_INVALID', `${who}: expected its options to be a z.strictObject`);
  }
  const taken = FEED_KEYS.find((key) => Object.hasOwn(fieldsOf(own.properties), key));
  if (taken !== undefined) {
    const message = `${who}: has an option "${taken}", which every provider has: choose another name`;
    throw new PipelineError('COMPONENT_INVALID', message);
  }
  const feed = feedJsonSchema(provider);
  return {
    ...own,
    properties: { ...feed.properties, ...fieldsOf(own.properties) },
    required: [...feed.required, ...(Array.isArray(own.required) ? own.required : [])],
  };
}
