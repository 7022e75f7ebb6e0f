import { open, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type PackageField, readPackageField } from './package-field.js';

/** A package with components. Its code has not been loaded. */
export interface FoundPackage extends Pick<PackageField, 'names' | 'problem'> {
  readonly name: string;
  readonly version: string;
  /** Its folder, links followed. */
  readonly folder: string;
  /** The file of its components. */
  readonly file: string;
}

/** A longer `package.json` is not one. */
const BYTES_MAX = 1_048_576;
/** More dependencies are not looked at. */
const DEPENDENCIES_MAX = 2_000;
/** Files that are read at one time. */
const READS_AT_ONCE = 32;

/** The fields of a `package.json` with direct dependencies. */
const DEPENDENCY_FIELDS = ['dependencies', 'optionalDependencies', 'devDependencies'] as const;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Finds the packages with components among the direct dependencies of the project that a folder is in: that of the
 * nearest `package.json`, upwards. Reads `package.json` files alone, and runs no code. What cannot be read is no
 * package.
 */
export async function findPackages(folder: string): Promise<readonly FoundPackage[]> {
  const project = await projectOf(resolve(folder));
  if (!project) return [];
  const names = DEPENDENCY_FIELDS.flatMap((field) => Object.keys(fieldsOf(project.content[field])));
  const wanted = [...new Set(names)].filter(isPackageName).slice(0, DEPENDENCIES_MAX);
  const found: FoundPackage[] = [];
  for (let i = 0; i < wanted.length; i += READS_AT_ONCE) {
    const some = wanted.slice(i, i + READS_AT_ONCE).map((name) => findPackage(project.folder, name));
    for (const one of await Promise.all(some)) if (one) found.push(one);
  }
  return found;
}

async function projectOf(
  from: string,
): Promise<{ readonly folder: string; readonly content: Fields } | undefined> {
  for (const folder of upwards(from)) {
    const content = await readJson(join(folder, 'package.json'));
    if (content) return { folder, content };
  }
  return undefined;
}

/** Looks for an installed package as Node does. */
async function findPackage(project: string, name: string): Promise<FoundPackage | undefined> {
  for (const folder of upwards(project)) {
    const place = join(folder, 'node_modules', name);
    const content = await readJson(join(place, 'package.json'));
    if (!content) continue;
    const field = readPackageField(content.tickloom);
    if (!field) return undefined;
    const { version } = content;
    const real = await realpath(place).catch(() => undefined);
    const file = join(real ?? place, field.components);
    const problem = field.problem ?? problemOf(real, file);
    return {
      name,
      version: typeof version === 'string' && VERSION.test(version) ? version : 'without a version',
      folder: real ?? place,
      file,
      names: field.names,
      ...(problem !== undefined && { problem }),
    };
  }
  return undefined;
}

function problemOf(real: string | undefined, file: string): string | undefined {
  if (real === undefined) return '"components": expected a folder that can be read, found one that cannot';
  const isOutside = relative(real, file).split(sep)[0] === '..';
  return isOutside ? '"components": expected a path within the package' : undefined;
}

/** As npm takes it; it is shown in messages. */
const VERSION = /^[0-9A-Za-z.+-]{1,100}$/;

/** A folder and those that it is in. */
function upwards(folder: string): string[] {
  const folders = [folder];
  for (let at = folder; dirname(at) !== at; at = dirname(at)) folders.push(dirname(at));
  return folders;
}

/** @returns `undefined` if there is no such file, or it is no mapping as JSON. */
async function readJson(path: string): Promise<Fields | undefined> {
  let text: string;
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > BYTES_MAX) return undefined;
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
    const content: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return typeof content === 'object' && content !== null && !Array.isArray(content)
      ? (content as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a name leads to a folder of its own in `node_modules`. */
const isPackageName = (name: string): boolean => /^(?:@[^/\\.][^/\\]*\/)?[^/\\.@][^/\\]*$/.test(name);

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
