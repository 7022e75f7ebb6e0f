import { z } from 'zod';
import { BRANCH_MARK, type BranchOption } from './branch-mark.js';
import type { BranchPlace } from './branch-place.js';
import { inputOperators, Stage } from './input-options.js';
import { type JsonNode, markedOptions } from './marked-options.js';
import { QueueOptions } from './queue-options.js';
import { StageName } from './stage-name.js';

const Batcher = z.looseObject(
  {
    use: z.string('expected the name of a component').optional().describe('Name of the component'),
    name: StageName.optional(),
  },
  'expected a mapping',
);

const Branch = Stage.extend({
  operators: inputOperators().optional().describe('What happens to the rows of this branch, in order'),
  batcher: Batcher.optional().describe(
    'What closes a batch on its way to the sink of this branch. Without it, `smart`',
  ),
  queue: QueueOptions.optional().describe('What waits before this branch, and what it does when it is full'),
});

/**
 * An option that is a branch: a sink (`use` and its options) with `operators`, a `batcher` and a `queue`. It
 * becomes a branch of the sink that has the option, by the path of the option (`branches[0]`,
 * `routes.large`), and is taken out of its options.
 *
 * @param own - Keys of a branch that are for the sink that has the option. They stay among its options.
 *
 * @example
 * z.strictObject({ routes: z.record(z.string(), outputBranch({ when: z.string() })) });
 */
export const outputBranch = <Own extends z.ZodRawShape = Record<never, never>>(own?: Own) =>
  // The brand exists in types only.
  Branch.extend({ ...own }).meta({ [BRANCH_MARK]: Object.keys(own ?? {}) }) as unknown as z.ZodType<
    z.output<z.ZodObject<Own>>,
    BranchOption<z.input<z.ZodObject<Own>>>
  >;

/**
 * Returns the branches among the options of a sink, in the order of its schema, and within an option in the
 * order in which they are written: the sink knows them by that order.
 *
 * @param jsonSchema - Of its options.
 * @param options - As they were written.
 */
export function branchPlaces(jsonSchema: Readonly<Record<string, unknown>>, options: unknown): BranchPlace[] {
  const marked = markedOptions(jsonSchema, options, isBranch);
  if (marked.length === 0) return [];
  const inOrder = Object.keys((jsonSchema as JsonNode).properties ?? {});
  const indexOf = ({ at }: BranchPlace) => inOrder.indexOf(String(at[0]));
  return marked
    .map(({ path, schema }) => ({ at: path, ownKeys: ownKeysOf(schema) ?? [] }))
    .sort((a, b) => indexOf(a) - indexOf(b));
}

/** The schema of a component from outside may have anything there. */
function ownKeysOf(node: JsonNode): readonly string[] | undefined {
  const keys = (node as { readonly [BRANCH_MARK]?: unknown })[BRANCH_MARK];
  return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
}

const isBranch = (node: JsonNode): boolean => ownKeysOf(node) !== undefined;
