import { loadSpecs } from '../load-specs.js';
import type { Terminal } from '../terminal.js';
import { sayProblems } from './run.js';

/** Checks specs without running them. @returns The exit code. */
export async function validate(
  files: readonly string[],
  { set }: { readonly set: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const specs = await loadSpecs(files, set);
  for (const spec of specs) if ('resolved' in spec) await terminal.print(`${spec.file}: ${spec.name}: ok\n`);
  sayProblems(specs, terminal);
  return specs.every((spec) => 'resolved' in spec) ? 0 : 2;
}
