import type { SpecProblem } from '../core/errors.js';
import type { ModuleOptions } from '../stages/operators/module/options.js';
import type { ResolvedInput, ResolvedStage } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import { attempt, type Stages } from './plan-stages.js';
import type { UserCode } from './user-code/user-code.js';

/** Finds the files of user code. A stage whose file may not be loaded is left out of further checks. */
export async function findFiles(
  stages: Stages,
  userCode: UserCode,
  problems: SpecProblem[],
): Promise<Stages> {
  const find = (path: Path, stage: ResolvedStage | undefined) =>
    stage && findInStage(path, stage, userCode, problems);
  const [source, batcher, sink, ...operators] = await Promise.all([
    find(['source'], stages.source),
    find(['batcher'], stages.batcher),
    find(['sink'], stages.sink),
    ...stages.operators.map((operator, i) => find(['operators', i], operator)),
  ]);
  return { source, operators, batcher, sink };
}

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
  if (!stage.inputs) return found;
  const inputs: Record<string, ResolvedInput> = {};
  for (const [id, input] of Object.entries(stage.inputs)) {
    const find = (at: Path, nested: ResolvedStage) =>
      findInStage([...path, ...at], nested, userCode, problems);
    const source = await find(input.at, input.source);
    const operators = await Promise.all(
      input.operators.map((operator, i) => find([...input.operatorsAt, i], operator)),
    );
    const sound = operators.filter((operator) => operator !== undefined);
    if (!source || sound.length < operators.length) return undefined;
    inputs[id] = { ...input, source, operators: sound };
  }
  return { ...found, inputs };
}

/** Returns the user code that a stage loads, and the key of the spec that names it. */
function codeOf({ use, options, outside, file }: ResolvedStage) {
  if (outside && file !== undefined) return { path: file, key: 'use' };
  return use === 'module' ? { path: (options as ModuleOptions).path, key: 'path' } : undefined;
}
