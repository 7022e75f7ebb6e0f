import { type OptionPath, valueAt } from './marked-options.js';

/** Where a branch is among the options of a sink. */
export interface BranchPlace {
  readonly at: OptionPath;
  /** Keys in it that stay among these options. */
  readonly ownKeys: readonly string[];
}

/** Returns the options that are taken out for a branch: all of it, or all but its own keys. */
export function optionsOfBranch({ at, ownKeys }: BranchPlace, options: unknown): OptionPath[] {
  if (ownKeys.length === 0) return [at];
  const keys = Object.keys((valueAt(options, at) ?? {}) as object);
  return keys.filter((key) => !ownKeys.includes(key)).map((key) => [...at, key]);
}
