import { type ExplainedStage, explainSpec } from '../../plan/explain-spec.js';
import { plainText, type Terminal } from '../terminal.js';
import { type CheckOptions, withCheckedSpecs } from './checked-specs.js';

export interface ExplainOptions extends CheckOptions {
  readonly json?: boolean;
}

/** Prints the stages of specs, without running them. @returns The exit code. */
export function explain(
  files: readonly string[],
  options: ExplainOptions,
  terminal: Terminal,
): Promise<number> {
  return withCheckedSpecs(files, options, terminal, async (specs) => {
    const explained: { readonly name: string; readonly stages: readonly ExplainedStage[] }[] = [];
    for (const spec of specs) {
      if (!('resolved' in spec)) continue;
      explained.push({ name: spec.name, stages: await explainSpec(spec.resolved, spec.outputs) });
    }
    if (options.json) await terminal.print(`${JSON.stringify({ specs: explained }, null, 2)}\n`);
    else await terminal.print(explained.map(treeOf).join('\n'));
  });
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
