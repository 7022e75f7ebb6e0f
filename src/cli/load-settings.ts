import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import type { RateCoordinator } from '../rate/rate-coordinator.js';
import type { RuntimeOptions } from '../runtime/runtime.js';
import { readSpecFile } from './spec-file.js';

/** Settings of the runtime as a file has them. */
export interface LoadedSettings {
  readonly runtime: Omit<RuntimeOptions, 'budgets' | 'breakers' | 'rates'>;
  /** Made of its budgets and breakers, if it has some. To be closed. */
  readonly rates: RateCoordinator | undefined;
}

/** Room for the threads of pipelines beside the main thread, whatever `--threads` says. */
const RATE_THREADS_MAX = 1_024;

/**
 * Reads the file of `--settings`: YAML or JSON, with the settings of `createRuntime`.
 *
 * @throws {InvalidOptionsError} naming what is wrong with it.
 */
export async function loadSettings(path: string | undefined): Promise<LoadedSettings> {
  if (path === undefined) return { runtime: {}, rates: undefined };
  const [file, ...more] = await readSpecFile(path);
  const problems = file!.problems.map(formatProblem);
  if (more.length > 0) problems.push('expected one document, found several');
  const { value } = file!;
  if (problems.length === 0 && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    problems.push('expected a mapping of settings, such as "budgets: …"');
  }
  if (problems.length > 0) throw new InvalidOptionsError(path, problems);

  // What they hold is checked by who takes it: the runtime and the budgets.
  const { budgets, breakers, rates: _made, ...runtime } = value as Record<string, never>;
  if (budgets === undefined && breakers === undefined) return { runtime, rates: undefined };
  const { RateCoordinator } = await import('../rate/rate-coordinator.js');
  const declared = { ...(budgets as object | undefined), ...(breakers !== undefined && { breakers }) };
  return { runtime, rates: new RateCoordinator({ threadsMax: RATE_THREADS_MAX, ...declared }) };
}
