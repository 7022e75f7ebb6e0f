import { loadOperator } from '../../registry/loaders.js';
import type { PlanAnswer, PlanProblem, PlanRequest } from './user-code.js';

/** Loads a component into the calling thread and asks it. */
export async function planHere({ stage, input, spec }: PlanRequest): Promise<PlanAnswer> {
  const factory = await loadOperator(stage);
  const problems: PlanProblem[] = [];
  if (!input) return { problems };
  const add = (path: PlanProblem['path'], message: string) => problems.push({ path, message });
  return { output: factory.plan(stage.options, input, { add }, spec), problems };
}
