import type { z } from 'zod';
import type { PlanProblems } from '../engine/factories.js';

/** How rows go into a table, and what tells them apart. */
interface Mode {
  readonly mode: 'append' | 'upsert';
  readonly key?: readonly string[] | undefined;
}

/** Says in a check of options whether `key` is there where the mode needs it, and only there. */
export function checkKeyOfMode({ mode, key }: Mode, context: z.RefinementCtx): void {
  const say = (message: string) => context.addIssue({ code: 'custom', path: ['key'], message });
  if (mode === 'upsert' && !key) say('expected the columns that tell rows apart, for "mode: upsert"');
  if (mode === 'append' && key) say('expected none with "mode: append": choose "mode: upsert"');
}

/** Says of a key which of its columns the rows do not have, and which it has twice. */
export function checkKeyColumns(
  key: readonly string[],
  names: readonly string[],
  problems: PlanProblems,
): void {
  key.forEach((name, i) => {
    if (!names.includes(name))
      problems.add(['key', i], `expected one of ${names.join(', ')}, found "${name}"`);
    else if (key.indexOf(name) !== i)
      problems.add(['key', i], `expected each column once, found "${name}" again`);
  });
}
