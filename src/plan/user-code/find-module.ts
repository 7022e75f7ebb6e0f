import { readFile, realpath, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileKind } from '../../core/file-kind.js';
import { invalidModule } from '../../registry/component-module.js';
import { packageEntry, splitSpecifier } from './package-entry.js';

/**
 * Finds the file of a module, which is given as an absolute path, a path relative to the working directory,
 * a `file:` URL, or the name of a package that resolves from the working directory. Runs no code.
 *
 * @returns The real path, with links followed.
 * @throws {PipelineError} `MODULE_INVALID` if it does not exist, or Node cannot load it.
 */
export async function findModule(path: string): Promise<string> {
  const file = await realpath(await locate(path)).catch((error: Error) => {
    throw invalidModule(path, `it cannot be read: ${error.message}`, error);
  });
  if (/\.[cm]?ts$/.test(file) && !canLoadTypeScript()) {
    throw invalidModule(
      path,
      `it is TypeScript, which Node ${process.version} does not load: compile it and name the JavaScript, ` +
        'or run Node 22.18, 23.6 or later',
    );
  }
  return file;
}

async function locate(path: string): Promise<string> {
  const isUrl = path.startsWith('file:');
  const file = isUrl ? pathOfUrl(path) : resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return file;
  if (isUrl || isAbsolute(path) || /^\.\.?[\\/]/.test(path)) {
    throw invalidModule(path, `expected a file at "${file}", found ${found ? fileKind(found) : 'none'}`);
  }
  return await findPackage(path);
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw invalidModule(
      url,
      `expected the URL of a file on this machine: ${(error as Error).message}`,
      error,
    );
  }
}

async function findPackage(specifier: string): Promise<string> {
  const { resolve: resolveRequired } = createRequire(join(process.cwd(), 'package.json'));
  try {
    const file = resolveRequired(specifier);
    if (isAbsolute(file)) return file;
  } catch {
    // Either the package supports only `import`, or it is not installed.
  }
  const { name, subpath } = splitSpecifier(specifier);
  for (const folder of resolveRequired.paths(name) ?? []) {
    const text = await readFile(join(folder, name, 'package.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const entry = packageEntry(text, subpath);
    if (entry !== undefined) return join(folder, name, entry);
    throw invalidModule(
      specifier,
      `the package in "${join(folder, name)}" exports no "${subpath}" for import`,
    );
  }
  throw invalidModule(
    specifier,
    `found no file of that path (from "${process.cwd()}") and no installed package of that name`,
  );
}

/** Whether this version of Node strips types from TypeScript itself. */
function canLoadTypeScript(): boolean {
  // Set since Node 22.10. The type definitions are those of Node 20.
  return Boolean((process.features as { readonly typescript?: string | false }).typescript);
}
