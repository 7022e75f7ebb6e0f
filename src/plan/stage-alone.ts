import { valueAt } from '../settings/marked-options.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';

/**
 * Returns a stage without the stages inside it. In its options, each of those is reduced to the name of its
 * component, and of a branch to that and the keys that are for the stage itself: the options of one component
 * may hold secrets that another must not see.
 */
export function stageAlone({ inputs, branches, ...stage }: ResolvedStage): ResolvedStage {
  const { inputOptions = [], branchOptions = [] } = stage.outside ?? {};
  if (inputOptions.length + branchOptions.length === 0) return stage;
  const options: unknown = structuredClone(stage.options);
  const inside = [...inputOptions.map((at) => ({ at, ownKeys: [] as readonly string[] })), ...branchOptions];
  for (const { at, ownKeys } of inside) {
    const holder = valueAt(options, at.slice(0, -1)) as Record<string | number, unknown> | undefined;
    const key = at.at(-1);
    if (holder === undefined || key === undefined || holder[key] === undefined) continue;
    holder[key] = only(['use', ...ownKeys], holder[key]);
  }
  return { ...stage, options };
}

function only(keys: readonly string[], written: unknown): unknown {
  if (Array.isArray(written)) return written.map((each) => only(keys, each));
  const fields = Object.entries(written ?? {}).filter(([key]) => keys.includes(key));
  return Object.fromEntries(fields);
}
