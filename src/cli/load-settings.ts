import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { BreakersSettings } from '../resilience/breakers-settings.js';
import { BudgetsSettings } from '../resilience/rate/rate-settings.js';
import { threadsMaxFor } from '../resilience/rate/rate-threads.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { RuntimeOptions } from '../runtime/runtime.js';
import { ModuleSettings, RuntimeSettings } from '../runtime/runtime-settings.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { readSpecFile } from './spec-file.js';

/** Settings of the runtime as a file has them. */
export interface LoadedSettings {
  readonly runtime: Omit<RuntimeOptions, 'budgets' | 'breakers' | 'resilience'>;
  /** Of these, how modules are loaded, with the defaults filled in. */
  readonly modules: ModuleSettings;
  /** Made of its budgets and breakers, if it has some. To be closed. */
  readonly resilience: ResilienceCoordinator | undefined;
}

/** What of the settings is plain data: a logger, a clock and a coordinator are not. */
const FileSettings = RuntimeSettings.safeExtend({
  budgets: BudgetsSettings.optional(),
  breakers: BreakersSettings.optional(),
});

/**
 * Reads the file of `--settings`: YAML or JSON, with the settings of `createRuntime`.
 *
 * @param threads - Of `--threads`, which goes before the file.
 * @throws {InvalidOptionsError} naming what is wrong with it.
 */
export async function loadSettings(path: string | undefined, threads?: number): Promise<LoadedSettings> {
  if (path === undefined) return { runtime: {}, modules: ModuleSettings.parse({}), resilience: undefined };
  const [file, ...more] = await readSpecFile(path);
  const problems = file!.problems.map(formatProblem);
  if (more.length > 0) problems.push('expected one document, found several');
  const { value } = file!;
  if (problems.length > 0) throw new InvalidOptionsError(path, problems);

  const checked = FileSettings.safeParse(value, { reportInput: true });
  if (!checked.success) {
    const found = schemaProblems(checked.error, value);
    throw new InvalidOptionsError(
      path,
      found.map((problem) => formatProblem({ ...problem, at: file!.locate(problem.path) })),
    );
  }
  // As they were written: who takes them checks them again, and would not know what they became.
  const { budgets, breakers, ...runtime } = value as RuntimeOptions;
  const modules = checked.data;
  if (budgets === undefined && breakers === undefined) return { runtime, modules, resilience: undefined };
  const { ResilienceCoordinator } = await import('../resilience/resilience-coordinator.js');
  const declared = { ...budgets, ...(breakers && { breakers }) };
  const pipelines = threads ?? RuntimeSettings.parse(runtime).maxThreads;
  const resilience = new ResilienceCoordinator({ ...declared, threadsMax: threadsMaxFor(pipelines) });
  return { runtime, modules, resilience };
}
