import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { invalidModule } from '../../registry/component-module.js';
import { findModule } from './find-module.js';

/** The folders that modules may come from: "moduleFolders" of the settings. */
export class ModuleFolders {
  readonly #folders: readonly string[];

  /** @param folders - Absolute, or relative to the current working directory, which is read once. */
  constructor(folders: readonly string[]) {
    this.#folders = folders.map((folder) => resolve(folder));
  }

  /**
   * Finds the file of a module. Its real path, with links and `..` resolved, must be in one of the folders.
   *
   * @returns The real path.
   * @throws {PipelineError} `MODULE_INVALID` if it does not exist, or is in none of the folders.
   */
  async find(path: string): Promise<string> {
    if (this.#folders.length === 0) {
      throw invalidModule(path, 'modules are not allowed here: "moduleFolders" of the settings is empty');
    }
    const file = await findModule(path);
    const real = await Promise.all(this.#folders.map((folder) => realpath(folder).catch(() => undefined)));
    if (real.some((folder) => folder !== undefined && isWithin(folder, file))) return file;
    const folders = this.#folders.map((folder, i) => `"${folder}"${real[i] ? '' : ' (not there)'}`);
    throw invalidModule(
      path,
      `expected a file in ${folders.join(' or ')}, found "${file}": move it there, or name its folder in ` +
        '"moduleFolders" of the settings',
    );
  }
}

function isWithin(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
