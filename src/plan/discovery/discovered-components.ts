import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PipelineError, RuntimeError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import type { ComponentKind } from '../../engine/component.js';
import type { DiscoverySettings } from '../../settings/runtime-settings.js';
import type { DeclaredComponent } from '../../wire/declared-component.js';
import type { AllDiscovered, Discovery, OutsideComponent } from '../catalogue.js';
import { isOurs } from '../load-catalogue.js';
import type { UserCode } from '../user-code/user-code.js';
import { type FoundPackage, findPackages } from './find-packages.js';

/** By folder. What is installed is looked up once a process, as Node does it with modules. */
const lookedUp = new Map<string, Promise<readonly FoundPackage[]>>();

/**
 * The components of installed packages, which are used by name without being named in the settings. Which names there
 * are is read from the `package.json` of each package; its code is loaded once a spec uses one of them.
 */
export class DiscoveredComponents implements Discovery {
  readonly #settings: DiscoverySettings;
  readonly #userCode: UserCode;
  /** By file. Only what could be loaded. */
  readonly #declared = new Map<string, Promise<readonly DeclaredComponent[]>>();

  constructor(settings: DiscoverySettings, userCode: UserCode) {
    this.#settings = settings;
    this.#userCode = userCode;
  }

  /**
   * @param specFolder - The folder of the spec that names it, if it is from a file.
   * @returns `undefined` if no package has a component of that name.
   * @throws {PipelineError} `MODULE_INVALID` if several packages have one, or its package cannot be used.
   */
  async find(
    kind: ComponentKind,
    name: string,
    specFolder: string | undefined,
  ): Promise<OutsideComponent | undefined> {
    const found = (await this.#packages(specFolder)).filter(({ names }) =>
      names.some((one) => one.kind === kind && one.name === name),
    );
    const [one, ...others] = found;
    if (!one) return undefined;
    if (others.length > 0) throw new PipelineError('MODULE_INVALID', clash({ kind, name }, found));
    const component = (await this.#componentsOf(one)).find(
      (each) => each.kind === kind && each.name === name,
    );
    if (component) return component;
    throw new PipelineError('MODULE_INVALID', undeclared(one, kind, name));
  }

  /** The names of all components of a kind. */
  async names(kind: ComponentKind, specFolder: string | undefined): Promise<readonly string[]> {
    const packages = await this.#packages(specFolder);
    return packages.flatMap(({ names }) => names.filter((one) => one.kind === kind).map(({ name }) => name));
  }

  /** Loads the code of all packages, each in its turn: what is wrong with one harms no other. */
  async all(folder: string | undefined): Promise<AllDiscovered> {
    const packages = await this.#packages(folder);
    const components: OutsideComponent[] = [];
    const problems: string[] = [];
    for (const one of packages) {
      try {
        const declared = await this.#componentsOf(one);
        for (const { kind, name } of one.names) {
          const isDeclared = declared.some((each) => each.kind === kind && each.name === name);
          if (!isDeclared) problems.push(undeclared(one, kind, name));
        }
        for (const component of declared) {
          const { kind, name } = component;
          const holders = packages.filter(({ names }) =>
            names.some((o) => o.kind === kind && o.name === name),
          );
          if (holders.length > 1) problems.push(clash(component, holders));
          else components.push(component);
        }
      } catch (error) {
        if (!(error instanceof RuntimeError) || isOurs(error)) throw error;
        problems.push(error.message);
      }
    }
    return { components, problems: [...new Set(problems)] };
  }

  async #packages(specFolder: string | undefined): Promise<readonly FoundPackage[]> {
    const { discover, discoverIn } = this.#settings;
    if (discover === false) return [];
    const folders = discoverIn ?? [specFolder, folderOfMain()].filter((folder) => folder !== undefined);
    const found = new Map<string, FoundPackage>();
    for (const folder of new Set(folders.map((each) => resolve(each)))) {
      let packages = lookedUp.get(folder);
      if (!packages) {
        packages = findPackages(folder);
        lookedUp.set(folder, packages);
        packages.catch(() => lookedUp.delete(folder)); // the next spec looks again
      }
      for (const one of await packages) {
        const isWanted = discover === true || discover.includes(one.name);
        // Of one package in several projects, that of the first is meant, as with `node_modules`.
        if (isWanted && !found.has(one.name)) found.set(one.name, one);
      }
    }
    return [...found.values()];
  }

  /** @throws {PipelineError} `MODULE_INVALID` */
  async #componentsOf({ problem, file, ...found }: FoundPackage): Promise<readonly OutsideComponent[]> {
    const fail = (why: string) => new PipelineError('MODULE_INVALID', `package ${titleOf(found)}: ${why}`);
    if (problem !== undefined) throw fail(`field "tickloom" of its package.json: ${problem}`);
    try {
      const real = await this.#userCode.find(file);
      const declared = await this.#declare(found.name, real);
      const from = { name: found.name, version: found.version };
      const named = (one: DeclaredComponent) =>
        found.names.some(({ kind, name }) => kind === one.kind && name === one.name);
      return declared.filter(named).map((one) => ({ ...one, module: found.name, file: real, package: from }));
    } catch (error) {
      if (!(error instanceof PipelineError) || isOurs(error)) throw error;
      throw fail(redact(error.message));
    }
  }

  #declare(module: string, file: string): Promise<readonly DeclaredComponent[]> {
    const known = this.#declared.get(file);
    if (known) return known;
    const declaring = this.#userCode.declare({ module, file });
    this.#declared.set(file, declaring);
    declaring.catch(() => this.#declared.delete(file)); // it may be mended meanwhile
    return declaring;
  }
}

const titleOf = ({ name, version }: Pick<FoundPackage, 'name' | 'version'>): string => `"${name}" ${version}`;

const undeclared = (one: FoundPackage, kind: ComponentKind, name: string): string =>
  `package ${titleOf(one)}: its package.json names the ${kind} "${name}", and its module declares none of that name`;

const clash = (
  { kind, name }: { readonly kind: ComponentKind; readonly name: string },
  packages: readonly FoundPackage[],
): string =>
  `the packages ${packages.map(titleOf).join(' and ')} each have the ${kind} "${name}": leave out one of them, or ` +
  'name the one that is meant in "components" of the settings';

/** The folder of the file that the process was started with; `undefined` if there is none. */
function folderOfMain(): string | undefined {
  const main = process.argv[1];
  if (main === undefined) return undefined;
  try {
    return dirname(realpathSync(main));
  } catch {
    return undefined; // such as the "[eval]" of older releases of Node
  }
}
