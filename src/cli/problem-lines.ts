import { InvalidOptionsError, type RuntimeError } from '../core/errors.js';
import { formatCount } from './figures.js';
import { plainText, type Terminal } from './terminal.js';

/** Lines about problems that are printed at once: more than fit on a screen, and few enough to be read. */
const LINES_MAX = 100;

/** What is wrong with a spec or with settings, as lines. */
export interface Problems {
  readonly problems: readonly string[];
  /** How many more were found. */
  readonly problemsLeftOut: number;
}

/** Returns the lines to print, each once (a problem with `--set` is one of every spec), and how many are left out. */
export function problemLines(found: readonly Problems[]): string[] {
  const lines = [...new Set(found.flatMap(({ problems }) => problems))];
  const shown = lines.slice(0, LINES_MAX);
  const more = found.reduce((sum, { problemsLeftOut }) => sum + problemsLeftOut, lines.length - shown.length);
  return more === 0 ? shown : [...shown, `… and ${formatCount(more)} more problems`];
}

/** Prints why a command cannot begin: all that is wrong with options or settings, or the message of another error. */
export function sayRefusal(error: RuntimeError, terminal: Terminal): void {
  const [title = '', ...rest] = error.message.split('\n');
  const below =
    error instanceof InvalidOptionsError ? problemLines([error]).map((line) => `  - ${line}`) : rest;
  for (const line of [title, ...below]) terminal.say(`${plainText(line)}\n`);
}

/** Prints the problems of specs, one per line. */
export function sayProblems(
  specs: readonly (Problems | { readonly resolved: unknown })[],
  terminal: Terminal,
): void {
  const refused = specs.filter((spec) => 'problems' in spec);
  for (const line of problemLines(refused)) terminal.say(`${plainText(line)}\n`);
}
