import type { SpecProblem } from '../core/errors.js';
import type { PlanProblems } from '../engine/factories.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, placesOfInput, type StagePlace } from '../wire/stage-tree.js';
import { stagesOf } from '../wire/stages-of-spec.js';

/**
 * Checks a stage with an input that its options only allow for a source that can be replayed.
 *
 * @param capabilities - Of the sources of its inputs, by their ids, as far as they are known.
 * @param problems - Receives what is wrong, with paths within the options of the stage.
 */
export function checkLiveInput(
  { facts }: ResolvedStage,
  capabilities: Readonly<Record<string, SourceCapabilities | undefined>>,
  problems: PlanProblems,
): void {
  const { replayOnly } = facts ?? {};
  const delivery = replayOnly && capabilities[replayOnly.input]?.delivery;
  if (!replayOnly || delivery === undefined || delivery === 'replayable') return;
  problems.add([replayOnly.option], replayOnly.message);
}

/**
 * Returns what is wrong with live inputs in a spec.
 *
 * @param capabilitiesOf - What a source promises. Of one in user code, only its thread knows: `undefined`.
 */
export async function problemsOfLiveInputs(
  spec: ResolvedSpec,
  capabilitiesOf: (place: StagePlace<ResolvedStage>) => Promise<SourceCapabilities | undefined>,
): Promise<SpecProblem[]> {
  const problems: SpecProblem[] = [];
  if (!stagesOf(spec).some(({ facts }) => facts?.replayOnly)) return problems;
  for (const place of placesOf<ResolvedStage>(spec)) {
    const { facts, inputs = {} } = place.stage;
    const id = facts?.replayOnly?.input;
    const input = id === undefined ? undefined : inputs[id];
    if (id === undefined || !input) continue;
    const capabilities = { [id]: await capabilitiesOf(placesOfInput(place, input).source) };
    const add = (path: SpecProblem['path'], message: string) => {
      problems.push({ path: [...place.path, ...path], message });
    };
    checkLiveInput(place.stage, capabilities, { add });
  }
  return problems;
}
