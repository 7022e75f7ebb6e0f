import { builtIn } from '../../registry/built-in.js';
import { loadStage } from '../../registry/load-stage.js';
import type { PlanAnswer, PlanProblem, PlanRequest } from './user-code.js';

/** Loads a component into the calling thread and asks it. */
export async function planHere({ stage, input, spec }: PlanRequest): Promise<PlanAnswer> {
  const factory = await loadStage(builtIn, 'operator', stage);
  const problems: PlanProblem[] = [];
  if (!input) return { problems };
  const add = (path: PlanProblem['path'], message: string) => problems.push({ path, message });
  return { output: factory.plan(stage.options, input, { add }, spec), problems };
}
