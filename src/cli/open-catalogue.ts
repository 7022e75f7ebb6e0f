import { systemClock } from '../core/clock.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import type { Catalogue } from '../plan/catalogue.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import type { LoadedSettings } from './load-settings.js';

/** What specs can use, and where code of users is asked. */
export interface OpenCatalogue {
  readonly catalogue: Catalogue;
  readonly userCode: PlanningThreads;
}

/**
 * Asks the modules of the settings for their components, and hands out what was found until `use` is done.
 *
 * @throws {InvalidOptionsError} naming what is wrong with the modules.
 */
export async function withCatalogue<Result>(
  settings: Pick<LoadedSettings, 'modules' | 'refused'>,
  use: (open: OpenCatalogue) => Promise<Result>,
): Promise<Result> {
  const { modules, refused } = settings;
  const userCode = new PlanningThreads(modules, systemClock);
  try {
    const { catalogue, problems } = await loadCatalogue(
      modules.components,
      userCode,
      new DiscoveredComponents(modules, userCode),
    );
    if (problems.length > 0) throw refused(problems);
    return await use({ catalogue, userCode });
  } finally {
    await userCode.close();
  }
}
