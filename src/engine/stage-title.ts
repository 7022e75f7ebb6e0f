import type { Named, Stage } from './stage.js';

/** What a stage is called in errors. */
export const titleOfStage = (
  kind: 'Source' | 'Operator' | 'Sink' | 'Batcher',
  { title, use }: Named<Stage>,
) => title ?? `${kind} "${use}"`;
