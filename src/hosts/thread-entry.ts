import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../core/errors.js';

/** Entry of a kind of thread, as seen from this module's place in the build. */
export const threadEntry = (name: 'pipeline' | 'planning'): string =>
  fileURLToPath(new URL(`../../workers/${name}.worker.cjs`, import.meta.url));

/** @throws {PipelineError} `THREAD_NOT_STARTED` when there is no such file. */
export function expectEntry(file: string): void {
  if (existsSync(file)) return;
  const message = `Expected the entry of the threads at ${file}, found no file: threads run the build, not the sources`;
  throw new PipelineError('THREAD_NOT_STARTED', message);
}
