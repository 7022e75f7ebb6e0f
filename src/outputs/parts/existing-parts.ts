import { join } from 'node:path';
import type { Column, Schema } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { cutList, cutText } from '../../core/shown-text.js';
import type { Disk } from '../disk/disk.js';
import type { Staging } from '../staging/staging.js';
import { isPart } from './part-name.js';

/** The columns of the files, then those that name their folders. */
export type Columns = readonly { readonly name: string; readonly type: Column['type'] | 'partition' }[];

/** File in the state folder that states the columns of the parts. */
export const COLUMNS_FILE = 'columns.json';
/** Earlier versions listed parts in it. Most readers of a directory fail on it. */
const MANIFEST_FILE = 'manifest.json';

/** @throws {PipelineError} `OUTPUT_EXISTS` if there are parts, or files that look like parts. */
export function refuseParts(directory: string, names: readonly string[], extension: string): void {
  const found = names.filter((name) => isPart(name) || isLike(name, extension));
  if (found.length === 0) return;
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${directory}" holds ${count(found.length, 'file')} like "${found[0]}" already; set "ifExists: append" ` +
      'to add to it, "ifExists: replace" to replace it, or choose another path',
  );
}

/**
 * @throws {PipelineError} `OUTPUT_EXISTS` for a directory of an earlier version, in which only listed
 *   files count.
 */
export function refuseManifest(directory: string, names: readonly string[]): void {
  if (!names.includes(MANIFEST_FILE)) return;
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${join(directory, MANIFEST_FILE)}" is of an earlier version, whose parts count only when it lists them; ` +
      'choose another path, or remove it together with the parts that it does not list',
  );
}

/** @throws {PipelineError} `OUTPUT_EXISTS` if the existing parts have other columns. */
export async function refuseOtherColumns(
  disk: Disk,
  state: string,
  directory: string,
  columns: Columns,
): Promise<void> {
  const found = await readColumns(disk, state);
  if (!found || sameColumns(found, columns)) return;
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${directory}" holds parts with other columns: expected ${describeColumns(columns)}, ` +
      `found ${describeColumns(found)}; choose another path or set "ifExists: replace"`,
  );
}

/** Records the columns of the parts to come. */
export async function noteColumns(
  disk: Disk,
  state: string,
  staging: Staging,
  columns: Columns,
): Promise<void> {
  const found = await readColumns(disk, state);
  if (found && sameColumns(found, columns)) return;
  await staging.decide(join(state, COLUMNS_FILE), JSON.stringify(columns));
}

/** Stages the columns, so that they take effect together with a replacement of the parts. */
export async function stageColumns(staging: Staging, columns: Columns): Promise<void> {
  await staging.remove(COLUMNS_FILE);
  await staging.stage(COLUMNS_FILE, JSON.stringify(columns));
}

const isLike = (name: string, extension: string) => !name.startsWith('.') && name.endsWith(`.${extension}`);

export const columnsOf = ({ columns }: Schema, partitionBy: readonly string[]): Columns => [
  ...columns.map(({ name, type }) => ({ name, type })),
  ...partitionBy.map((name) => ({ name, type: 'partition' as const })),
];

/** @returns `undefined` if no columns are recorded, or they cannot be parsed. */
async function readColumns(disk: Disk, state: string): Promise<Columns | undefined> {
  try {
    const found = JSON.parse((await disk.read(join(state, COLUMNS_FILE))) ?? 'null') as Columns | null;
    return Array.isArray(found) ? found : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const sameColumns = (a: Columns, b: Columns): boolean =>
  a.length === b.length && a.every(({ name, type }, i) => b[i]?.name === name && b[i]?.type === type);

/** All columns, as text for people. */
export const columnsText = (columns: Columns): string =>
  columns.map(({ name, type }) => `${name} ${type}`).join(', ');

const describeColumns = (columns: Columns): string =>
  cutList(columns.map(({ name, type }) => `${cutText(name, 40)} ${type}`));
