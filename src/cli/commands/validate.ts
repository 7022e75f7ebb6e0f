import type { Terminal } from '../terminal.js';
import { type CheckOptions, withCheckedSpecs } from './checked-specs.js';

/** Checks specs without running them. @returns The exit code. */
export function validate(
  files: readonly string[],
  options: CheckOptions,
  terminal: Terminal,
): Promise<number> {
  return withCheckedSpecs(files, options, terminal, async (specs) => {
    for (const spec of specs) {
      if ('resolved' in spec) await terminal.print(`${spec.file}: ${spec.name}: ok\n`);
    }
  });
}
