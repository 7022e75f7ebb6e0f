import { dirname, resolve } from 'node:path';
import { RuntimeError } from '../../core/errors.js';
import type { Catalogue } from '../../plan/catalogue.js';
import { loadSettings } from '../load-settings.js';
import { withCatalogue } from '../open-catalogue.js';
import { sayRefusal } from '../problem-lines.js';
import { plainText, type Terminal } from '../terminal.js';

/** Where the components of a command come from. */
export interface CatalogueOptions {
  /** File with the settings of the runtime. */
  readonly settings?: string;
  /** Modules whose components are shown, beside those of the file. */
  readonly components?: readonly string[];
}

/** Tells of what specs can use with these settings. @returns The exit code. */
export async function listCatalogue(
  { settings: path, components }: CatalogueOptions,
  terminal: Terminal,
  tell: (catalogue: Catalogue) => Promise<number>,
): Promise<number> {
  try {
    const settings = await loadSettings(path, { components });
    settings.resilience?.close();
    return await withCatalogue(settings, async (open) => {
      // There is no spec whose folder could be looked in: one would be where the settings are, or here.
      const { catalogue, problems } = await open.catalogue.withInstalled(
        path === undefined ? process.cwd() : dirname(resolve(path)),
      );
      for (const problem of problems) terminal.say(`warning: ${plainText(problem)}\n`);
      return await tell(catalogue);
    });
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    return 2;
  }
}
