/** Loads modules of the sources as they stand, without a build: for scripts that read schemas and catalogues. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

/** Inside `node_modules`, so that the packages that the sources import are found from there. */
const SCRATCH = 'node_modules/.cache/tickloom';

/**
 * @param {readonly string[]} paths - Of sources, such as `src/registry/built-in.ts`.
 * @returns {Promise<Record<string, unknown>[]>} What each exports. All share the modules that they import.
 */
export async function loadSources(paths) {
  mkdirSync(SCRATCH, { recursive: true });
  const folder = mkdtempSync(join(SCRATCH, 'sources-'));
  // Not before: components load their options when they are asked for them.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const bundle = await rolldown({
    input: Object.fromEntries(paths.map((path, i) => [`entry-${i}`, path])),
    platform: 'node',
    preserveEntrySignatures: 'strict',
    external: (id) => !/^[./]/.test(id) && !paths.includes(id),
    logLevel: 'silent',
  });
  await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name].mjs',
  });
  await bundle.close();
  return Promise.all(paths.map((_, i) => import(pathToFileURL(resolve(folder, `entry-${i}.mjs`)).href)));
}
