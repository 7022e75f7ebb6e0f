import type { Command } from 'commander';
import { calendarNames } from '../../calendars/built-in-calendars.js';
import { ERROR_TEXTS } from '../../core/error-codes/error-codes.js';
import { bashScript } from '../completion/bash-script.js';
import { type ProgramWords, wordsOf } from '../completion/command-words.js';
import { fishScript } from '../completion/fish-script.js';
import { zshScript } from '../completion/zsh-script.js';
import type { Terminal } from '../terminal.js';
import { type CatalogueOptions, listCatalogue } from './list-catalogue.js';

const SCRIPTS: Readonly<Record<Shell, (words: ProgramWords) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** A name that means the same in quotes of any shell. */
const ONE_WORD = /^[\w./@-]+$/;

export type Shell = 'bash' | 'zsh' | 'fish';

/**
 * Prints a script with which a shell completes commands, options, error codes, calendars, and the names of the
 * components that there are when it is printed.
 *
 * @returns The exit code.
 */
export function completion(
  shell: Shell,
  options: CatalogueOptions,
  program: Command,
  terminal: Terminal,
): Promise<number> {
  return listCatalogue(options, terminal, async ({ registry, outside }) => {
    const components = [...registry.all(), ...outside];
    const names = components.flatMap(({ kind, name }) => [kind, name]);
    const words = wordsOf(program, {
      components: [...new Set(names)].filter((name) => ONE_WORD.test(name)),
      errors: Object.keys(ERROR_TEXTS),
      completion: Object.keys(SCRIPTS),
      calendar: calendarNames(),
    });
    await terminal.print(SCRIPTS[shell](words));
    return 0;
  });
}
