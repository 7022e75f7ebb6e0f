import { builtIn } from '../registry/built-in.js';
import { loadStage } from '../registry/load-stage.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';

/**
 * Loads what a task will need, before it comes. Runs no code of users. What cannot be loaded is left to the task, which
 * says what is wrong.
 */
export async function loadAhead(
  { stages, checkpoints }: ThreadNeeds,
  host: { readonly loadCheckpoints: () => Promise<unknown> },
): Promise<void> {
  await Promise.allSettled([
    ...stages.map(({ kind, stage }) => loadStage(builtIn, kind, stage)),
    ...(checkpoints ? [host.loadCheckpoints()] : []),
  ]);
}
