import { formatProblem, InvalidOptionsError, type SpecProblem } from '../core/errors.js';
import { BreakersSettings } from '../resilience/breakers-settings.js';
import { BudgetsSettings } from '../resilience/rate/rate-settings.js';
import { threadsMaxFor } from '../resilience/rate/rate-threads.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { RuntimeOptions } from '../runtime/runtime.js';
import { ModuleSettings, RuntimeSettings } from '../runtime/runtime-settings.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { readSpecFile } from './spec-file.js';

/** Settings of the runtime, read from a file. */
export interface LoadedSettings {
  readonly runtime: Omit<RuntimeOptions, 'budgets' | 'breakers' | 'resilience'>;
  /** The part of the settings that says how modules are loaded, with defaults filled in. */
  readonly modules: ModuleSettings;
  /** Created from the file's budgets and breakers, if it has any. The caller must close it. */
  readonly resilience: ResilienceCoordinator | undefined;
  /** The error for problems that were found later, with their places in the file. */
  refused(problems: readonly SpecProblem[]): InvalidOptionsError;
}

/** Settings of the command line, beside or in place of those of the file. */
export interface SettingsArguments {
  /** Of `--threads`, which goes before the file. */
  readonly threads?: number | undefined;
  /** Of `--components`, behind those of the file. */
  readonly components?: readonly string[] | undefined;
}

/** The settings that are plain data, unlike a logger, a clock or a coordinator. */
const FileSettings = RuntimeSettings.safeExtend({
  budgets: BudgetsSettings.optional(),
  breakers: BreakersSettings.optional(),
});

/**
 * Reads the file of `--settings`: YAML or JSON, with the settings of `createRuntime`.
 *
 * @param threads - Value of `--threads`, which overrides the file.
 * @throws {InvalidOptionsError} naming the problems in the file.
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
  // As they were written: they are parsed again where they are used, and the parsed form is not valid
  // input.
  const { budgets, breakers, ...runtime } = value as RuntimeOptions;
  const modules = checked.data;
  if (budgets === undefined && breakers === undefined) return { runtime, modules, resilience: undefined };
  const { ResilienceCoordinator } = await import('../resilience/resilience-coordinator.js');
  const declared = { ...budgets, ...(breakers && { breakers }) };
  const pipelines = threads ?? RuntimeSettings.parse(runtime).maxThreads;
  const resilience = new ResilienceCoordinator({ ...declared, threadsMax: threadsMaxFor(pipelines) });
  return { ...common, resilience };

  function refused(problems: readonly SpecProblem[]): InvalidOptionsError {
    const lines = problems.map((problem) =>
      file && Number(problem.path[1]) < inFile.length
        ? formatProblem({ ...problem, at: file.locate(problem.path) })
        : `--components: ${problem.message}`,
    );
    return new InvalidOptionsError(path ?? '--components', lines);
  }
}

async function readSettings(path: string) {
  const [file, ...more] = await readSpecFile(path);
  const problems = file!.problems.map(formatProblem);
  if (more.length > 0) problems.push('expected one document, found several');
  if (problems.length > 0) throw new InvalidOptionsError(path, problems);
  const { value } = file!;
  const locate = (at: SpecProblem['path']) => file!.locate(at);
  const checked = FileSettings.safeParse(value, { reportInput: true });
  if (checked.success) return { value, checked: checked.data, locate };
  const found = schemaProblems(checked.error, value);
  throw new InvalidOptionsError(
    path,
    found.map((problem) => formatProblem({ ...problem, at: locate(problem.path) })),
  );
}
