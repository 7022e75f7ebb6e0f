import { catalogueJsonSchema } from '../../plan/spec-json-schema.js';
import type { Terminal } from '../terminal.js';
import { type CatalogueOptions, listCatalogue } from './list-catalogue.js';

/** Prints the JSON Schema of a spec. @returns The exit code. */
export function schema(options: CatalogueOptions, terminal: Terminal): Promise<number> {
  return listCatalogue(options, terminal, async (catalogue) => {
    await terminal.print(`${JSON.stringify(await catalogueJsonSchema(catalogue), null, 2)}\n`);
    return 0;
  });
}
