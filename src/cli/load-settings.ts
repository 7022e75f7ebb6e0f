import { formatProblem, InvalidOptionsError, type SpecProblem } from '../core/errors.js';
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
  readonly runtime: Omit<RuntimeOptions, 'budgets' | 'breakers' | 'resilience' | 'components'>;
  /** Of these, how modules are loaded, with the defaults filled in. */
  readonly modules: ModuleSettings;
  /** Made of its budgets and breakers, if it has some. To be closed. */
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

/** What of the settings is plain data: a logger, a clock and a coordinator are not. */
export const FileSettings = RuntimeSettings.safeExtend({
  budgets: BudgetsSettings.optional().describe('Budgets of providers and tenants, by name'),
  breakers: BreakersSettings.optional().describe('Breakers, by the name of their provider'),
});

/**
 * Reads the file of `--settings`: YAML or JSON, with the settings of `createRuntime`.
 *
 * @throws {InvalidOptionsError} naming what is wrong with it.
 */
export async function loadSettings(
  path: string | undefined,
  { threads, components = [] }: SettingsArguments = {},
): Promise<LoadedSettings> {
  const file = path === undefined ? undefined : await readSettings(path);
  // As they were written: the runtime checks them again, and would not accept the parsed form.
  const { budgets, breakers, components: inFile = [], ...runtime } = (file?.value ?? {}) as RuntimeOptions;
  const modules = { ...(file?.checked ?? ModuleSettings.parse({})), components: [...inFile, ...components] };
  const common = { runtime, modules, refused };
  if (budgets === undefined && breakers === undefined) return { ...common, resilience: undefined };
  const { ResilienceCoordinator } = await import('../resilience/resilience-coordinator.js');
  const declared = { ...budgets, ...(breakers && { breakers }) };
  const pipelines = threads ?? RuntimeSettings.parse(runtime).maxThreads;
  const resilience = new ResilienceCoordinator({ ...declared, threadsMax: threadsMaxFor(pipelines) });
  return { ...common, resilience };

  function refused(problems: readonly SpecProblem[]): InvalidOptionsError {
    const isInFile = ({ path: at }: SpecProblem) => Number(at[1]) < inFile.length;
    const lines = problems.map((problem) =>
      file && isInFile(problem)
        ? formatProblem({ ...problem, at: file.locate(problem.path) })
        : `--components: ${problem.message}`,
    );
    const where = problems.some(isInFile) ? path : undefined;
    return new InvalidOptionsError(where ?? '--components', lines);
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
