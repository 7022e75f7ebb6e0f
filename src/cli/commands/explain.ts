import { type ExplainedSpec, explainSpec } from '../../plan/explain-spec.js';
import { plainText, type Terminal } from '../terminal.js';
import { type CheckOptions, withCheckedSpecs } from './checked-specs.js';
import { explainedLines } from './explained-text.js';

export interface ExplainOptions extends CheckOptions {
  readonly json?: boolean;
}

interface NamedSpec extends ExplainedSpec {
  readonly name: string;
}

/** Prints the stages of specs, how rows arrive and what is shared, without running them. @returns The exit code. */
export function explain(
  files: readonly string[],
  options: ExplainOptions,
  terminal: Terminal,
): Promise<number> {
  return withCheckedSpecs(files, options, terminal, async (specs) => {
    const explained: NamedSpec[] = [];
    for (const spec of specs) {
      if (!('resolved' in spec)) continue;
      explained.push({ name: spec.name, ...(await explainSpec(spec.resolved, spec.outputs)) });
    }
    if (options.json) await terminal.print(`${JSON.stringify({ specs: explained }, null, 2)}\n`);
    else await terminal.print(explained.map(textOf).join('\n'));
  });
}

function textOf(spec: NamedSpec): string {
  const lines = explainedLines(spec).map((line) => `  ${line}`);
  // Names of users' components and columns are texts that nobody of us has read.
  return [spec.name, ...lines].map((line) => `${plainText(line, 2_000)}\n`).join('');
}
