import type { Schema } from '../columns/schema.js';
import { assertMapping } from '../core/assert-argument.js';
import { systemClock } from '../core/clock.js';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import { resolveWithFiles } from '../plan/resolve-spec.js';
import type { StageOverrides } from '../plan/stage-overrides.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { parseOptions } from '../settings/parse-options.js';
import { ModuleSettings } from '../settings/runtime-settings.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { problemsOfCode } from './given-in-code.js';

/** Stages given in code, and the settings for loading modules, as in a runtime. */
export interface ResolveOptions extends StageOverrides, Partial<ModuleSettings> {
  /** Budgets and breakers that the spec may name. */
  readonly resilience?: Resilience | undefined;
  /** The columns of topics that other specs produce, by topic. */
  readonly topics?: Readonly<Record<string, Schema>> | undefined;
}

/**
 * Checks a spec: its outline, the options of each component, the columns between components, and that no
 * file is both read and written. Follows paths and checks that an existing dead-letter file holds dead
 * letters. Opens no input and no output. Modules that the spec names are loaded in throw-away threads (at
 * most four at a time in a process), never in the calling thread.
 *
 * @throws {InvalidSpecError} listing every problem.
 * @throws {InvalidOptionsError} for invalid options, and for problems with the modules of "components".
 */
export async function resolveSpec(spec: unknown, options: ResolveOptions = {}): Promise<ResolvedSpec> {
  assertMapping('resolveSpec', options);
  const { source, sink, resilience, topics = {}, ...input } = options;
  const overrides = { ...(source && { source }), ...(sink && { sink }) };
  const settings = parseOptions('resolveSpec', ModuleSettings, input, problemsOfCode(options));
  const userCode = new PlanningThreads(settings, systemClock);
  try {
    const { catalogue, problems } = await loadCatalogue(
      settings.components,
      userCode,
      new DiscoveredComponents(settings, userCode),
    );
    if (problems.length > 0) {
      const inSection = problems.map(({ path, message }) => ({ path: ['resolveSpec', ...path], message }));
      throw new InvalidOptionsError('resolveSpec', inSection.map(formatProblem));
    }
    return (await resolveWithFiles(spec, { overrides, resilience, userCode, catalogue, topics })).resolved;
  } finally {
    await userCode.close();
  }
}
