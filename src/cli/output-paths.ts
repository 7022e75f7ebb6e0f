import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatPath } from '../core/errors.js';
import { findOutputs } from '../plan/find-outputs.js';
import { readSpecFile } from './spec-file.js';

/** An output that the command was asked about. */
export interface OutputPath {
  readonly path: string;
  /**
   * File of the spec that names the output. Without it, the output was named on the command line, and
   * must exist.
   */
  readonly spec?: string;
}

const SPEC_FILE = /\.(ya?ml|json)$/i;

/**
 * Resolves the arguments of a command: paths of outputs, and spec files, which stand for the outputs of
 * all their jobs. Each output is returned once.
 *
 * @returns The outputs, and problems with specs as lines.
 */
export async function outputPaths(
  args: readonly string[],
): Promise<{ readonly outputs: readonly OutputPath[]; readonly problems: readonly string[] }> {
  const outputs = new Map<string, OutputPath>();
  const problems: string[] = [];
  const add = (output: OutputPath) => {
    const key = resolve(output.path);
    if (!outputs.has(key) || !output.spec) outputs.set(key, output);
  };
  for (const arg of args) {
    if (!(await isSpec(arg))) add({ path: arg });
    else for (const output of await outputsOf(arg, problems)) add(output);
  }
  return { outputs: [...outputs.values()], problems };
}

async function outputsOf(file: string, problems: string[]): Promise<OutputPath[]> {
  const found: OutputPath[] = [];
  for (const spec of await readSpecFile(file)) {
    for (const { at, message } of spec.problems)
      problems.push(`${at ? formatAt(at) : spec.file}: ${message}`);
    if (spec.problems.length > 0) continue;
    const { outputs, problems: wrong } = await findOutputs(spec.value);
    found.push(...outputs.map(({ path }) => ({ path, spec: spec.file })));
    for (const { path, message } of wrong) {
      problems.push(`${formatAt(spec.locate(path))} ${formatPath(path)}: ${message}`);
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
