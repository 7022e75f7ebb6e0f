import { existsSync } from 'node:fs';
import { InvalidOptionsError, RuntimeError } from '../../core/errors.js';
import type { EndSignal } from '../end-process.js';
import { type LoadedSettings, loadSettings } from '../load-settings.js';
import { type CheckedSpec, loadSpecs } from '../load-specs.js';
import { sayProblems, sayRefusal } from '../problem-lines.js';
import { keepsCheckpoints, type RunOptions, wrongBounds } from '../run-options.js';
import { printDocument } from '../run-report.js';
import { inPossibleHost, withoutLostWaits, withoutStore, withoutTopics } from '../runnable-specs.js';
import { SpecRun } from '../spec-run.js';
import { refusedDocument } from '../summary.js';
import { keepStdoutClean, type Terminal } from '../terminal.js';

/**
 * Runs specs side by side until all have ended.
 *
 * @returns The exit code, or the signal to end the process by: a thread is in a call that does not return, and any other
 *   end would wait for it.
 */
export async function run(
  files: readonly string[],
  options: RunOptions,
  terminal: Terminal,
): Promise<number | EndSignal> {
  if (options.json) keepStdoutClean();
  let settings: LoadedSettings | undefined;
  let specs: CheckedSpec[];
  try {
    settings = await loadSettings(options.settings, options);
    specs = await loadSpecs(files, options.set, settings);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    if (options.json) await printDocument([], terminal);
    settings?.resilience?.close();
    return 2;
  }
  const wrong = wrongBounds(options);
  if (wrong !== undefined) {
    terminal.say(`${wrong}\n`);
    settings.resilience?.close();
    return 2;
  }
  const hasStore = keepsCheckpoints(options, settings);
  if (!hasStore) specs = specs.map(withoutStore);
  const isSliced = options.sliceRows !== undefined || options.sliceDuration !== undefined;
  if (isSliced && !hasStore) {
    terminal.say(
      'error: a slice needs --checkpoints FOLDER or --store FOLDER, from which the next one goes on\n',
    );
    settings.resilience?.close();
    return 2;
  }
  if (isSliced) specs = specs.map(withoutTopics);
  const { runtime: defaults } = settings;
  specs = specs.map((spec) => inPossibleHost(spec, { submitted: options, defaults }));
  specs = await withoutLostWaits(specs, options, settings);
  const refused = specs.filter((spec) => 'problems' in spec);
  if (refused.length > 0) {
    settings.resilience?.close();
    sayProblems(refused, terminal);
    if (options.json) {
      await printDocument(
        refused.map((spec) => refusedDocument(spec.name, spec)),
        terminal,
      );
    }
    return 2;
  }
  const sound = specs.filter((spec) => 'resolved' in spec);
  return new SpecRun(sound, options, settings, terminal).execute();
}

/**
 * Goes on with what is in a store, until all of it has ended.
 *
 * @returns The exit code.
 */
export async function resume(
  options: Omit<RunOptions, 'set' | 'checkpoints' | 'restart'>,
  terminal: Terminal,
): Promise<number | EndSignal> {
  if (options.json) keepStdoutClean();
  try {
    const settings = await loadSettings(options.settings, options);
    const folder = options.store ?? settings.runtime.store;
    if (folder === undefined) {
      throw new InvalidOptionsError('resume', ['expected --store, or "store" in the file of --settings']);
    }
    if (typeof folder === 'string' && !existsSync(folder)) {
      throw new InvalidOptionsError('--store', [`there is no folder ${folder}`]);
    }
    return await new SpecRun([], { ...options, set: [] }, settings, terminal).execute();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    if (options.json) await printDocument([], terminal);
    return 2;
  }
}
