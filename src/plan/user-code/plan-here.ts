import { type Component, type ComponentKind, loadsOf } from '../../engine/component.js';
import { builtIn } from '../../registry/built-in.js';
import { componentOf, loadStage } from '../../registry/load-stage.js';
import { optionsOfBranch } from '../../settings/branch-place.js';
import type { JsonNode } from '../../settings/marked-options.js';
import { withoutOptions } from '../../settings/without-options.js';
import { schemaComplaint } from '../../stages/operators/module/schema-check.js';
import { findNotPlain } from '../../wire/not-plain.js';
import type { OutsideStage, ResolvedStage } from '../../wire/resolved-spec.js';
import type { Path } from '../../wire/stage-tree.js';
import { checkOptions } from '../check-options.js';
import { filesOf, planStage } from '../plan-stage.js';
import type { PlanAnswer, PlanProblem, PlanRequest } from './user-code.js';

/** Loads a component into the calling thread and runs its plan. */
export async function planHere({ kind, stage, input, spec }: PlanRequest): Promise<PlanAnswer> {
  const problems: PlanProblem[] = [];
  const add = (path: PlanProblem['path'], message: string) => problems.push({ path, message });
  const asked = { input, problems: { add }, spec };
  if (!stage.outside) {
    const factory = await loadStage(builtIn, kind, stage);
    const output = planStage(kind, factory, { ...asked, options: stage.options });
    return { ...(output && { output }), problems };
  }
  const component = await componentOf(builtIn, kind, stage);
  const checked = await ownOptions(component, stage, problems);
  if (!checked) return { problems };
  const options = withoutOptions(checked.options, stagesAmong(checked.options, stage.outside));
  const factory = await loadStage(builtIn, kind, { ...stage, options });
  const output = planStage(kind, factory, { ...asked, options });
  const complaint = spec && isExpected(kind, input) ? schemaComplaint(output) : undefined;
  if (complaint !== undefined)
    add([], `expected its plan to return the schema of what comes out, ${complaint}`);
  const files = filesOf(factory, options);
  const facts = component.facts?.(checked.options);
  return {
    ...(complaint === undefined && output && { output }),
    problems,
    checked: {
      options,
      loads: loadsOf(component, options),
      ...(facts && { facts }),
      ...(files && { files }),
    },
  };
}

/** Returns what is taken out of the options of a component: the stages inside it. */
function stagesAmong(options: unknown, { inputOptions = [], branchOptions = [] }: OutsideStage): Path[] {
  return [...inputOptions, ...branchOptions.flatMap((branch) => optionsOfBranch(branch, options))];
}

const isExpected = (kind: ComponentKind, input: unknown): boolean =>
  kind === 'source' || (kind === 'operator' && input !== undefined);

/** Checks options with the component's schema. This runs in the user code's thread, since a schema is code. */
async function ownOptions(
  component: Component,
  stage: ResolvedStage,
  problems: PlanProblem[],
): Promise<{ readonly options: unknown } | undefined> {
  const written = stage.options as Record<string, unknown>; // options not checked yet are always a mapping
  const schema = await component.options();
  const checked = checkOptions(schema, written, problems, {
    // By a method of the schema: this package's own copy of Zod is not loaded in the thread.
    jsonSchema: () => schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as JsonNode,
    otherKeys: ['name'],
  });
  const notPlain = checked && findNotPlain(checked.options);
  if (!notPlain) return checked;
  const message =
    'expected its schema to give plain data (texts, finite numbers, true, false, null, lists and mappings of ' +
    `them), since options cross to another thread; found ${notPlain.found}`;
  problems.push({ path: notPlain.path, message });
  return undefined;
}
