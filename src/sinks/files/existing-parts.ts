import { PipelineError } from '../../core/errors.js';
import type { Manifest } from './manifest.js';

export interface ExistingParts {
  readonly directory: string;
  readonly manifest: Manifest | undefined;
  /** What else is there. */
  readonly names: readonly string[];
}

/** @throws {PipelineError} `OUTPUT_EXISTS` when there are parts, or files that look like them. */
export function refuseParts({ directory, manifest, names }: ExistingParts, extension: string): void {
  const foreign = names.filter((name) => !name.startsWith('.') && name.endsWith(`.${extension}`));
  let there: string;
  if (manifest && manifest.parts.length > 0) {
    const rows = manifest.parts.reduce((sum, part) => sum + part.rows, 0);
    there = `${count(manifest.parts.length, 'part')} with ${count(rows, 'row')} from job "${manifest.job}"`;
  } else if (foreign.length > 0) {
    there = `${count(foreign.length, 'file')} like "${foreign[0]}"`;
  } else {
    return;
  }
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${directory}" holds ${there} already; set "ifExists: append" to add to it, ` +
      '"ifExists: replace" to replace it, or choose another path',
  );
}

/** @throws {PipelineError} `OUTPUT_EXISTS` when the parts that are there have other columns. */
export function refuseOtherColumns(
  { directory, manifest }: ExistingParts,
  columns: Manifest['columns'],
): void {
  if (!manifest || manifest.parts.length === 0 || sameColumns(manifest.columns, columns)) return;
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${directory}" holds parts with other columns: expected ${describeColumns(columns)}, ` +
      `found ${describeColumns(manifest.columns)}; choose another path or set "ifExists: replace"`,
  );
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const sameColumns = (a: Manifest['columns'], b: Manifest['columns']): boolean =>
  a.length === b.length && a.every(({ name, type }, i) => b[i]?.name === name && b[i]?.type === type);

const describeColumns = (columns: Manifest['columns']): string => {
  const shown = columns.slice(0, 20).map(({ name, type }) => `${name.slice(0, 40)} ${type}`);
  return shown.join(', ') + (columns.length > 20 ? ` and ${columns.length - 20} more` : '');
};
