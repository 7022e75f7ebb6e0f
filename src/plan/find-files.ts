import type { SpecProblem } from '../core/errors.js';
import type { ResolvedBranch, ResolvedInput, ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, stagesWithin } from '../wire/stage-tree.js';
import { attempt, type Stages } from './plan-stages.js';
import type { UserCode } from './user-code/user-code.js';

/**
 * Finds the files of user code, one stage after the other, so that problems stand in the order of the spec.
 * A stage whose file may not be loaded is left out of further checks.
 */
export async function findFiles(
  stages: Stages,
  userCode: UserCode,
  problems: SpecProblem[],
): Promise<Stages> {
  const all = [stages.source, ...stages.operators, stages.batcher, stages.sink];
  if (all.every(hasNoCode)) return stages;
  const find = (path: Path, stage: ResolvedStage | undefined) =>
    stage && findInStage(path, stage, userCode, problems);
  const source = await find(['source'], stages.source);
  const operators: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of stages.operators.entries()) {
    operators.push(await find(['operators', i], operator));
  }
  const batcher = await find(['batcher'], stages.batcher);
  const sink = await find(['sink'], stages.sink);
  return { source, operators, batcher, sink };
}

/** Whether there is nothing to find in a stage, nor inside it. */
const hasNoCode = (stage: ResolvedStage | undefined): boolean =>
  stage === undefined || stagesWithin(stage).every((each) => codeOf(each) === undefined);

async function findInStage(
  path: Path,
  stage: ResolvedStage,
  userCode: UserCode,
  problems: SpecProblem[],
): Promise<ResolvedStage | undefined> {
  let found: ResolvedStage = stage;
  const code = codeOf(stage);
  if (code) {
    const file = await attempt('INTERNAL', [...path, code.key], problems, () => userCode.find(code.path));
    if (file === undefined) return undefined;
    found = { ...stage, file };
  }
  const find = (at: Path, nested: ResolvedStage) => findInStage([...path, ...at], nested, userCode, problems);
  const findAll = async (at: Path, nested: readonly ResolvedStage[]) => {
    const all: ResolvedStage[] = [];
    for (const [i, each] of nested.entries()) {
      const one = await find([...at, i], each);
      if (one) all.push(one);
    }
    return all.length === nested.length ? all : undefined;
  };
  let isSound = true;
  const inputs: Record<string, ResolvedInput> = {};
  for (const [id, input] of Object.entries(stage.inputs ?? {})) {
    const source = await find(input.at, input.source);
    const operators = await findAll(input.operatorsAt, input.operators);
    if (source && operators) inputs[id] = { ...input, source, operators };
    else isSound = false;
  }
  const branches: Record<string, ResolvedBranch> = {};
  for (const [id, branch] of Object.entries(stage.branches ?? {})) {
    const { at } = branch;
    const operators = await findAll([...at, 'operators'], branch.operators);
    const batcher = await find([...at, 'batcher'], branch.batcher);
    const sink = await find(at, branch.sink);
    if (operators && batcher && sink) branches[id] = { ...branch, operators, batcher, sink };
    else isSound = false;
  }
  if (!isSound) return undefined;
  return { ...found, ...(stage.inputs && { inputs }), ...(stage.branches && { branches }) };
}

/** Returns the user code that a stage loads, and the key of the spec that names it. */
function codeOf({ options, outside, facts, file }: ResolvedStage) {
  if (outside && file !== undefined) return { path: file, key: 'use' };
  const key = facts?.moduleOption;
  if (outside || key === undefined) return undefined;
  return { path: (options as Readonly<Record<string, string>>)[key]!, key }; // its schema says so
}
