import type { Named, Stage } from './stage.js';

/** A stage as errors name it. */
export interface StageLabel {
  /** Its path in the spec. */
  readonly id: string;
  /** For messages. */
  readonly title: string;
}

/** Returns what errors call a stage. */
export const labelOf = (
  kind: 'Source' | 'Operator' | 'Sink' | 'Batcher',
  { id, title, use }: Named<Stage>,
): StageLabel => ({ id, title: title ?? `${kind} "${use}"` });
