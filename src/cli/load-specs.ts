import type { Schema } from '../columns/schema.js';
import { InvalidSpecError, PROBLEMS_MAX, RuntimeError, type SpecProblem, shownPath } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import { type DocumentFile, folderOfSpec, readDocumentFile } from '../documents/document-file.js';
import { wrongMapping } from '../documents/wrong-file.js';
import { checkConnected } from '../plan/check-connected.js';
import { FilesInUse } from '../plan/paths/files-in-use.js';
import type { JobFiles } from '../plan/paths/job-files.js';
import { type ResolveContext, resolveWithFiles } from '../plan/resolve-spec.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { topicConflicts } from './connected-specs.js';
import type { LoadedSettings } from './load-settings.js';
import { withCatalogue } from './open-catalogue.js';
import { applyOverride, isOverridden, type Override, OverrideError, parseOverride } from './overrides.js';
import type { Problems } from './problem-lines.js';

/** One spec of the command line, checked. */
export type CheckedSpec =
  | {
      readonly file: string;
      readonly name: string;
      readonly resolved: ResolvedSpec;
      /** As it was written, with what `--set` has changed. */
      readonly written: unknown;
      /** What comes out of each stage, by its id. */
      readonly outputs: ReadonlyMap<string, Schema>;
    }
  | RefusedSpec;

/** A spec without problems of its own, and how problems found later are formatted. */
interface SoundSpec {
  readonly file: string;
  readonly name: string;
  readonly resolved: ResolvedSpec;
  readonly written: unknown;
  readonly files: JobFiles | undefined;
  readonly outputs: ReadonlyMap<string, Schema>;
  format(problem: SpecProblem): string;
}

interface RefusedSpec extends Problems {
  readonly file: string;
  readonly name: string;
}

/**
 * Reads specs, changes them as `--set` says and checks them, alone and beside one another, since
 * they run at one time: all of them, whatever is wrong with one.
 *
 * @param shared - Budgets, breakers and components that they may name, and how modules are loaded.
 * @returns Each with what is wrong with it as lines, `file:line:column path: message`.
 * @throws {InvalidOptionsError} naming what is wrong with the modules of the settings.
 */
export function loadSpecs(
  files: readonly string[],
  settings: readonly string[],
  shared: Pick<LoadedSettings, 'resilience' | 'modules' | 'refused'>,
): Promise<CheckedSpec[]> {
  return withCatalogue(shared, (open) =>
    checkAll(files, settings, { resilience: shared.resilience, ...open }),
  );
}

async function checkAll(
  files: readonly string[],
  settings: readonly string[],
  context: ResolveContext,
): Promise<CheckedSpec[]> {
  const { overrides, refused } = parseOverrides(settings);
  const specs: DocumentFile[] = [];
  const stdinAt = files.indexOf('-');
  for (const [i, file] of files.entries()) {
    if (file !== '-' || i === stdinAt) specs.push(...(await readDocumentFile(file, 'spec')));
  }
  const names = new Set(specs.map(({ value }) => nameOf(value)));
  for (const { text, spec } of overrides) {
    if (spec === undefined || names.has(spec)) continue;
    refused.push(`--set ${cut(text)}: there is no spec named "${cut(spec)}"`);
  }

  const places = new Map<string, string>();
  const sound = new FilesInUse<SoundSpec>();
  const checked: CheckedSpec[] = [];
  const alone = await checkConnected(specs.length, (i, topics) =>
    check(specs[i]!, overrides, refused.slice(0, PROBLEMS_MAX), { ...context, topics }),
  );
  const ofTopics = topicConflicts(
    alone.map((one) => ('resolved' in one ? one.resolved : undefined)),
    alone.map(({ name }) => name),
  );
  for (const [i, spec] of specs.entries()) {
    const one = alone[i]!;
    const place = formatPlace(spec, ['name']);
    const { file, name } = one;
    const earlier = places.get(name);
    if ('problems' in one) {
      checked.push(one);
    } else if (earlier !== undefined) {
      const problem = `${place} name: expected another name than that of the spec at ${earlier}, found "${name}"`;
      checked.push(refusal(one, [problem]));
      continue;
    } else {
      const { resolved, written, files: own, outputs, format } = one;
      // Nothing is read that is being written, and nothing written twice.
      const ofFiles = own ? sound.conflicts(own, (other) => `spec "${other.name}"`) : [];
      const conflicts = [...ofFiles, ...ofTopics.filter((conflict) => conflict.spec === i)];
      checked.push(
        conflicts.length > 0
          ? refusal(one, conflicts.map(format))
          : { file, name, resolved, written, outputs },
      );
      // Of specs that all write one file, each conflicts with the first: that is enough to be told.
      if (own && conflicts.length === 0) sound.add(one, own);
    }
    places.set(name, place);
  }
  return checked;
}

async function check(
  spec: DocumentFile,
  overrides: readonly Override[],
  refused: readonly string[],
  context: ResolveContext,
): Promise<SoundSpec | RefusedSpec> {
  const { file } = spec;
  const ownName = nameOf(spec.value) ?? file;
  if (spec.problems.length > 0) {
    const problems = spec.problems.map(({ at, message }) => `${at ? formatAt(at) : file}: ${message}`);
    return refusal({ file, name: ownName }, problems);
  }
  const wrong = wrongMapping('spec', spec.value as object); // without problems, it is a mapping
  if (wrong !== undefined) return refusal({ file, name: ownName }, [`${formatPlace(spec, [])}: ${wrong}`]);
  const problems = [...refused];
  const applied: Override[] = [];
  const value = overrides.length === 0 ? spec.value : structuredClone(spec.value);
  for (const override of overrides) {
    if (override.spec !== undefined && override.spec !== ownName) continue;
    try {
      applyOverride(value, override);
      applied.push(override);
    } catch (error) {
      if (!(error instanceof OverrideError)) throw error;
      problems.push(`--set ${cut(override.text)}: ${error.message}`);
    }
  }
  const name = nameOf(value) ?? file;
  try {
    const { resolved, files, outputs } = await resolveWithFiles(value, {
      ...context,
      specFolder: folderOfSpec(file),
    });
    if (problems.length > 0) return refusal({ file, name }, problems);
    const format = (problem: SpecProblem) => formatIn(spec, applied, problem);
    return { file, name, resolved, written: value, files, outputs, format };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const found =
      error instanceof InvalidSpecError
        ? error.problems.map((problem) => formatIn(spec, applied, problem))
        : [`${formatPlace(spec, [])}: ${error.message}`];
    const leftOut = error instanceof InvalidSpecError ? error.problemsLeftOut : 0;
    return refusal({ file, name }, [...problems, ...found], leftOut);
  }
}

const refusal = (
  { file, name }: Pick<RefusedSpec, 'file' | 'name'>,
  problems: readonly string[],
  problemsLeftOut = 0,
): RefusedSpec => ({ file, name, problems, problemsLeftOut });

function formatIn(
  spec: DocumentFile,
  overrides: readonly Override[],
  { path, message }: SpecProblem,
): string {
  const override = overrides.findLast((one) => isOverridden(one, path, spec.value));
  const place = override ? `--set ${cut(override.text)}:` : formatPlace(spec, path);
  return `${place} ${shownPath(path)}: ${message}`;
}

function parseOverrides(settings: readonly string[]) {
  const overrides: Override[] = [];
  const refused: string[] = [];
  for (const text of settings) {
    try {
      overrides.push(parseOverride(text));
    } catch (error) {
      if (!(error instanceof OverrideError)) throw error;
      refused.push(`--set ${cut(text)}: ${error.message}`);
    }
  }
  return { overrides, refused };
}

const formatPlace = (spec: DocumentFile, path: SpecProblem['path']): string => formatAt(spec.locate(path));

const formatAt = ({ file, line, column }: NonNullable<SpecProblem['at']>): string =>
  `${file}:${line}:${column}`;

function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { name } = value as { readonly name?: unknown };
  return typeof name === 'string' && name !== '' ? cut(name) : undefined;
}

const cut = (text: string): string => cutText(text, 100);
