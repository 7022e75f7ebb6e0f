import { RuntimeError } from '../../core/errors.js';
import { type LoadedSettings, loadSettings } from '../load-settings.js';
import { type CheckedSpec, loadSpecs } from '../load-specs.js';
import { sayProblems, sayRefusal } from '../problem-lines.js';
import { inPossibleHost } from '../runnable-specs.js';
import type { Terminal } from '../terminal.js';

export interface CheckOptions {
  readonly set: readonly string[];
  /** File with the settings of the runtime, whose budgets and breakers specs may name. */
  readonly settings?: string;
  /** Modules whose components specs can use, beside those of the file. */
  readonly components?: readonly string[];
}

/**
 * Checks specs for a command that does not run them, and prints their problems after its report.
 *
 * @returns The exit code.
 */
export async function withCheckedSpecs(
  files: readonly string[],
  { set, settings: path, components }: CheckOptions,
  terminal: Terminal,
  report: (specs: readonly CheckedSpec[]) => Promise<void>,
): Promise<number> {
  let settings: LoadedSettings | undefined;
  let specs: CheckedSpec[];
  try {
    settings = await loadSettings(path, { components });
    const { runtime: defaults } = settings;
    const loaded = await loadSpecs(files, set, settings);
    specs = loaded.map((spec) => inPossibleHost(spec, { submitted: {}, defaults }));
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    settings?.resilience?.close();
    return 2;
  }
  await report(specs);
  sayProblems(specs, terminal);
  settings.resilience?.close();
  return specs.every((spec) => 'resolved' in spec) ? 0 : 2;
}
