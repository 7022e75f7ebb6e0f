import { formatProblem, InvalidOptionsError, PROBLEMS_MAX, type SpecProblem } from '../core/errors.js';
import { readDocumentFile } from '../documents/document-file.js';
import { wrongMapping } from '../documents/wrong-file.js';
import { whereItBelongs } from '../plan/misplaced-option.js';
import { BreakersSettings } from '../resilience/breakers-settings.js';
import { BudgetsSettings } from '../resilience/rate/rate-settings.js';
import { threadsMaxFor } from '../resilience/rate/rate-threads.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { RuntimeOptions } from '../runtime/runtime.js';
import { checkData } from '../settings/check-data.js';
import { findExcess } from '../settings/data-bounds.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { ModuleSettings, RuntimeSettings } from '../settings/runtime-settings.js';

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
  const [file, ...more] = await readDocumentFile(path, 'settings');
  const problems = file!.problems.map(formatProblem);
  if (more.length > 0) {
    const message = 'expected one document, found several';
    problems.push(formatProblem({ path: [], message, at: more[0]!.locate([]) }));
  }
  if (problems.length > 0) throw new InvalidOptionsError(path, problems);
  const { value } = file!;
  const locate = (at: SpecProblem['path']) => file!.locate(at);
  const refused = (found: readonly SpecProblem[]) => {
    // To find a place takes a while, and no more problems are shown.
    const located = found.map((one, i) => (i < PROBLEMS_MAX ? { ...one, at: locate(one.path) } : one));
    return new InvalidOptionsError(path, located.map(formatProblem));
  };
  const wrong = wrongMapping('settings', value as object); // without problems, it is a mapping
  if (wrong !== undefined) throw refused([{ path: [], message: wrong }]);
  const excess = findExcess(value);
  if (excess) throw refused([excess]);
  const jsonSchema = () => jsonSchemaOf(FileSettings);
  const { data, problems: found } = checkData(FileSettings, value, { jsonSchema, whereItBelongs });
  if (!data) throw refused(found);
  return { value, checked: data, locate };
}
