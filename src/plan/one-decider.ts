import { formatPath, type SpecProblem } from '../core/errors.js';
import type { Path } from '../wire/stage-tree.js';

/** A sink whose database decides which checkpoint counts. */
export interface Decider {
  readonly path: Path;
  readonly use: string;
}

/** Returns the sinks that would decide beside another one: two databases cannot commit as one. */
export function problemsOfDeciders([first, ...others]: readonly Decider[]): SpecProblem[] {
  return others.map(({ path, use }) => ({
    path,
    message:
      `expected one sink whose database decides which rows count, found "${use}" beside "${first!.use}" at ` +
      `${formatPath(first!.path)}: two databases cannot commit as one. Let this one write rows that may come again ` +
      '("mode: upsert" with a "key"), or write it from another job',
  }));
}
