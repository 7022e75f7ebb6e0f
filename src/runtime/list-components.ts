import { assertMapping } from '../core/assert-argument.js';
import { systemClock } from '../core/clock.js';
import { formatProblem } from '../core/errors.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import { type ComponentFacts, factsOf } from '../plan/spec-json-schema.js';
import { parseOptions } from '../settings/parse-options.js';
import { ModuleSettings } from '../settings/runtime-settings.js';

/** The settings by which components are found and loaded, as of a runtime. */
export interface ListOptions extends Partial<ModuleSettings> {}

/** What specs can use, and what is wrong with modules and packages that cannot be used. */
export interface ComponentList {
  /** Those of Tickloom first. Of a provider, `provider` has its capabilities. */
  readonly components: readonly ComponentFacts[];
  readonly problems: readonly string[];
}

/**
 * Lists what specs can use with these settings: the components of Tickloom, of the modules that the settings name and
 * of installed packages. Their code is loaded in throw-away threads.
 *
 * @throws {InvalidOptionsError} for invalid settings.
 */
export async function listComponents(settings: ListOptions = {}): Promise<ComponentList> {
  assertMapping('listComponents', settings);
  const checked = parseOptions('listComponents', ModuleSettings, settings);
  const userCode = new PlanningThreads(checked, systemClock);
  try {
    const discovery = new DiscoveredComponents(checked, userCode);
    const named = await loadCatalogue(checked.components, userCode, discovery);
    const { catalogue, problems } = await named.catalogue.withInstalled(undefined);
    return {
      components: await factsOf(catalogue),
      problems: [...named.problems.map(formatProblem), ...problems],
    };
  } finally {
    await userCode.close();
  }
}
