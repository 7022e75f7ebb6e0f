import { RuntimeError } from '../../core/errors.js';
import { type ExplainedStage, explainSpec } from '../../plan/explain-spec.js';
import { type LoadedSettings, loadSettings } from '../load-settings.js';
import { type CheckedSpec, loadSpecs } from '../load-specs.js';
import { plainText, type Terminal } from '../terminal.js';
import { sayProblems } from './run.js';
import type { ValidateOptions } from './validate.js';

export interface ExplainOptions extends ValidateOptions {
  readonly json?: boolean;
}

/** Prints the stages of specs, without running them. @returns The exit code. */
export async function explain(
  files: readonly string[],
  { set, settings: path, components, json }: ExplainOptions,
  terminal: Terminal,
): Promise<number> {
  let settings: LoadedSettings | undefined;
  let specs: CheckedSpec[];
  try {
    settings = await loadSettings(path, { components });
    specs = await loadSpecs(files, set, settings);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    terminal.say(`${plainText(error.message)}\n`);
    settings?.resilience?.close();
    return 2;
  }
  const explained: { readonly name: string; readonly stages: readonly ExplainedStage[] }[] = [];
  for (const spec of specs) {
    if (!('resolved' in spec)) continue;
    explained.push({ name: spec.name, stages: await explainSpec(spec.resolved, spec.outputs) });
  }
  if (json) await terminal.print(`${JSON.stringify({ specs: explained }, null, 2)}\n`);
  else await terminal.print(explained.map(treeOf).join('\n'));
  sayProblems(specs, terminal);
  settings.resilience?.close();
  return specs.every((spec) => 'resolved' in spec) ? 0 : 2;
}

function treeOf({ name, stages }: { readonly name: string; readonly stages: readonly ExplainedStage[] }) {
  const lines = stages.flatMap((stage) => linesOf(stage).map((line) => '  '.repeat(stage.depth + 1) + line));
  // Names of users' components and columns are texts that nobody of us has read.
  return [name, ...lines].map((line) => `${plainText(line, 2_000)}\n`).join('');
}

function linesOf({ stage, name, use, output, capabilities }: ExplainedStage): string[] {
  const facts = capabilities
    ? `, ${capabilities.delivery}, ${capabilities.bounded ? 'ends by itself' : 'does not end by itself'}`
    : '';
  const head = `${stage}: ${use}${name === undefined ? '' : ` (${name})`}${facts}`;
  if (!output) return [head];
  const columns = output.columns.map(
    (column) => `${column.name} ${column.type}${column.nullable ? '?' : ''}`,
  );
  return [head, `  ${output.kind}: ${columns.join(', ')}`];
}
