import type { Named, Stage } from './stage.js';

/** Returns the name of a stage for errors. */
export const titleOfStage = (
  kind: 'Source' | 'Operator' | 'Sink' | 'Batcher',
  { title, use }: Named<Stage>,
) => title ?? `${kind} "${use}"`;
