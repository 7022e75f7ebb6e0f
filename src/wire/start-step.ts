import type { ResolvedSpec } from './resolved-spec.js';

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
  /** A stage is opening; `position` counts from the source, which is 0, to the sink and the dead-letter file. */
  opening: (position: number): number => 3 + position,
} as const;

/** Describes what a start that took too long was still waiting for. */
export function describeStartStep(
  step: number,
  { source, operators, batcher, sink, deadLetter }: ResolvedSpec,
): string {
  if (step === StartStep.none) return 'its thread did not begin';
  if (step === StartStep.making) return 'its modules were still loading, or its stages being created';
  const stages = [
    { stage: 'source', use: source.use },
    ...operators.map(({ use }, i) => ({ stage: `operators[${i}]`, use })),
    { stage: 'batcher', use: batcher.use },
    { stage: 'sink', use: sink.use },
    ...(deadLetter ? [{ stage: 'deadLetter', use: deadLetter.path }] : []),
  ];
  const opening = stages[step - StartStep.opening(0)];
  return opening ? `${opening.stage} ("${opening.use}") was still opening` : 'its actor did not answer';
}
