import { join } from 'node:path';
import { inspectKey } from '../checkpoints/inspect-store.js';
import { CHECKPOINTS_NAME } from '../store/store-folder-names.js';
import type { LoadedSettings } from './load-settings.js';
import { plainText } from './terminal.js';

/** Where the command keeps checkpoints; `undefined`: it keeps none. */
function checkpointFolder(
  given: { readonly store?: string; readonly checkpoints?: string },
  { runtime }: Pick<LoadedSettings, 'runtime'>,
): string | undefined {
  const own = given.checkpoints ?? runtime.checkpoints?.path;
  const inFile = runtime.store && 'path' in runtime.store ? runtime.store.path : undefined;
  const store = given.store ?? inFile;
  return own ?? (store === undefined ? undefined : join(store, CHECKPOINTS_NAME));
}

/**
 * Says of each job whose last run has ended that a new one begins: a sink that appends writes the rows of its source
 * again. What cannot be read is told by the job itself.
 */
export async function linesOfBegunAnew(
  names: readonly string[],
  given: { readonly store?: string; readonly checkpoints?: string },
  settings: Pick<LoadedSettings, 'runtime'>,
): Promise<string> {
  const folder = checkpointFolder(given, settings);
  if (folder === undefined) return '';
  const lines: string[] = [];
  for (const name of names) {
    const view = await inspectKey(folder, name).catch(() => undefined);
    const ended = view?.claim?.isRemoved ? undefined : view?.checkpoint?.ended;
    if (!ended?.isPublished) continue;
    lines.push(
      `${plainText(name, 100)}: its last run has ${ended.how === 'drained' ? 'been drained' : 'completed'}, so a new one begins, from the start of its source\n`,
    );
  }
  return lines.join('');
}
