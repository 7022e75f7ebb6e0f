import type { ResolvedSpec, ResolvedStage } from './resolved-spec.js';
import { placesOf } from './stage-tree.js';

/**
 * The progress of a thread towards a running pipeline, in its counter `startStep`. It is in shared memory,
 * so that it can be read even if the thread does not answer.
 */
export const StartStep = {
  /** The thread has not begun its task. */
  none: 0,
  /** Modules are being loaded and stages created. */
  making: 1,
  /** All stages are open. */
  started: 2,
  /** Its key is being claimed at the checkpoint store. */
  claiming: 3,
  /** A stage is opening; `position` counts as `placesOf` does, from the source to the sink, and then the dead-letter file. */
  opening: (position: number): number => 4 + position,
} as const;

/** What a start that took too long was still waiting for. */
export interface PendingStart {
  readonly text: string;
  /** The id of the stage, if it was one. */
  readonly stage?: string;
}

export function pendingStart(step: number, spec: ResolvedSpec): PendingStart {
  if (step === StartStep.none) return { text: 'its thread did not begin' };
  if (step === StartStep.claiming) {
    return { text: 'its checkpoint was still being claimed in the folder of "checkpoints"' };
  }
  if (step === StartStep.making) {
    return { text: 'its modules were still loading, or its stages being created' };
  }
  const { deadLetter } = spec;
  const stages = [
    ...placesOf<ResolvedStage>(spec).map(({ id, stage: { use, name } }) => ({ id, use, name })),
    ...(deadLetter ? [{ id: 'deadLetter', use: deadLetter.path, name: undefined }] : []),
  ];
  const opening = stages[step - StartStep.opening(0)];
  if (!opening) return { text: 'its actor did not answer' };
  const { id, use, name } = opening;
  return {
    text: `${id} ("${use}"${name === undefined ? '' : `, named ${name}`}) was still opening`,
    stage: id,
  };
}
