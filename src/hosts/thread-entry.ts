import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../core/errors.js';

/** Path of a thread's entry file, relative to this module in the build. */
export const threadEntry = (name: 'pipeline' | 'planning'): string =>
  fileURLToPath(new URL(`../../workers/${name}.worker.cjs`, import.meta.url));

/** @throws {PipelineError} `THREAD_NOT_STARTED` if the file does not exist. */
export function expectEntry(file: string): void {
  if (existsSync(file)) return;
  throw new PipelineError(
    'THREAD_NOT_STARTED',
    `Expected the entry of the threads at ${file}, found no file. Where the program was bundled, leave tickloom out ` +
      'of the bundle: mark "tickloom" and its sub-paths as external (docs/bundlers.md in the package). Where it runs ' +
      'from the sources of tickloom, build them first',
  );
}
