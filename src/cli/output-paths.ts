import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RuntimeError, shownPath } from '../core/errors.js';
import { folderOfSpec, readDocumentFile } from '../documents/document-file.js';
import { findOutputs } from '../plan/find-outputs.js';
import type { ResolveContext } from '../plan/resolve-spec.js';
import { loadSettings } from './load-settings.js';
import { withCatalogue } from './open-catalogue.js';
import { problemLines, sayRefusal } from './problem-lines.js';
import { plainText, type Terminal } from './terminal.js';

/** An output that the command was asked about. */
export interface OutputPath {
  readonly path: string;
  /**
   * File of the spec that names the output. Without it, the output was named on the command line, and
   * must exist.
   */
  readonly spec?: string;
}

/** Where the components come from that specs use. */
export interface OutputSettings {
  /** File with the settings of the runtime. */
  readonly settings?: string;
  /** Modules whose components specs can use, beside those of the file. */
  readonly components?: readonly string[];
}

interface FoundOutputs {
  readonly outputs: readonly OutputPath[];
  readonly problems: readonly string[];
}

const SPEC_FILE = /\.(ya?ml|json)$/i;

/**
 * Resolves the arguments of a command: paths of outputs, and spec files, which stand for the outputs of
 * all their jobs. Each output is returned once.
 *
 * @returns The outputs, and problems with specs as lines: why others are not among them.
 * @throws {InvalidOptionsError} naming what is wrong with the settings.
 */
async function outputPaths(
  args: readonly string[],
  { settings: path, components }: OutputSettings = {},
): Promise<FoundOutputs> {
  if (path === undefined && components === undefined) return findAll(args);
  const settings = await loadSettings(path, { components });
  const { resilience } = settings;
  try {
    return await withCatalogue(settings, (open) => findAll(args, { resilience, ...open }));
  } finally {
    resilience?.close();
  }
}

async function findAll(args: readonly string[], outside?: ResolveContext): Promise<FoundOutputs> {
  const outputs = new Map<string, OutputPath>();
  const problems: string[] = [];
  const add = (output: OutputPath) => {
    const key = resolve(output.path);
    if (!outputs.has(key) || !output.spec) outputs.set(key, output);
  };
  for (const arg of args) {
    if (!(await isSpec(arg))) add({ path: arg });
    else for (const output of await outputsOf(arg, problems, outside)) add(output);
  }
  return { outputs: [...outputs.values()], problems };
}

/**
 * Resolves the arguments of a command, and says which outputs of specs are left out, and why.
 *
 * @returns `undefined` if the settings are wrong, which was said.
 */
export async function askedOutputs(
  args: readonly string[],
  settings: OutputSettings,
  terminal: Terminal,
): Promise<{ readonly outputs: readonly OutputPath[]; readonly isWhole: boolean } | undefined> {
  try {
    const { outputs, problems } = await outputPaths(args, settings);
    for (const line of problemLines([{ problems, problemsLeftOut: 0 }])) terminal.say(`${plainText(line)}\n`);
    return { outputs, isWhole: problems.length === 0 };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    return undefined;
  }
}

async function outputsOf(
  file: string,
  problems: string[],
  outside: ResolveContext | undefined,
): Promise<OutputPath[]> {
  const found: OutputPath[] = [];
  for (const spec of await readDocumentFile(file, 'spec')) {
    for (const { at, message } of spec.problems)
      problems.push(`${at ? formatAt(at) : spec.file}: ${message}`);
    if (spec.problems.length > 0) continue;
    const context = outside && { ...outside, specFolder: folderOfSpec(spec.file) };
    const { outputs, problems: wrong } = await findOutputs(spec.value, context);
    found.push(...outputs.map(({ path }) => ({ path, spec: spec.file })));
    for (const { path, message } of wrong) {
      problems.push(`${formatAt(spec.locate(path))} ${shownPath(path)}: ${message}`);
    }
  }
  return found;
}

/** Whether a path is a spec file. A directory of parts may have any name, even one that ends in `.json`. */
async function isSpec(path: string): Promise<boolean> {
  if (path === '-') return true;
  if (!SPEC_FILE.test(path)) return false;
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => true,
  );
}

const formatAt = ({ file, line, column }: { file: string; line: number; column: number }): string =>
  `${file}:${line}:${column}`;
