import { systemClock } from '../core/clock.js';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import { resolveWithFiles } from '../plan/resolve-spec.js';
import type { StageOverrides } from '../plan/stage-overrides.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { parseOptions } from '../settings/parse-options.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { ModuleSettings } from './runtime-settings.js';

/** Stages that are given in code, and how modules are loaded, as in the settings of a runtime. */
export interface ResolveOptions extends StageOverrides, Partial<ModuleSettings> {
  /** Budgets and breakers that the spec may name. */
  readonly resilience?: Resilience | undefined;
}

/**
 * Checks a spec: its outline, each component's options, what the components make of each other's
 * columns, and that nothing is read that is being written. Looks where paths lead and whether a
 * file of dead letters is one; opens no input and no output. Modules that it names are loaded in
 * throw-away threads, never in the calling one, of which a process has at most four at a time.
 *
 * @throws {InvalidSpecError} naming all that is wrong.
 * @throws {InvalidOptionsError} for options that are none, and what is wrong with the modules of "components".
 */
export async function resolveSpec(spec: unknown, options: ResolveOptions = {}): Promise<ResolvedSpec> {
  const { source, sink, resilience, ...input } = options;
  const overrides = { ...(source && { source }), ...(sink && { sink }) };
  const settings = parseOptions('resolveSpec', ModuleSettings, input);
  const userCode = new PlanningThreads(settings, systemClock);
  try {
    const { catalogue, problems } = await loadCatalogue(settings.components, userCode);
    if (problems.length > 0) {
      const inSection = problems.map(({ path, message }) => ({ path: ['resolveSpec', ...path], message }));
      throw new InvalidOptionsError('resolveSpec', inSection.map(formatProblem));
    }
    return (await resolveWithFiles(spec, { overrides, resilience, userCode, catalogue })).resolved;
  } finally {
    await userCode.close();
  }
}
