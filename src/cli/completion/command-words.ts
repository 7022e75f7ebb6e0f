import type { Command, Option } from 'commander';

/** What can stand in a place of the command line: one of these words, a file, or what nobody can know. */
export type Values = readonly string[] | 'files' | 'anything';

export interface OptionWords {
  /** Such as `-h` and `--help`. */
  readonly flags: readonly string[];
  readonly text: string;
  /** Of the word that follows; `undefined` if none does. */
  readonly value: Values | undefined;
}

/** What a shell completes after the name of a command. */
export interface CommandWords {
  readonly name: string;
  readonly text: string;
  readonly options: readonly OptionWords[];
  readonly arguments: Values;
  /** Words of which one stands first, in front of the arguments. */
  readonly subcommands: readonly string[];
}

/** All that a shell completes. */
export interface ProgramWords {
  readonly name: string;
  /** Before any command. */
  readonly options: readonly OptionWords[];
  readonly commands: readonly CommandWords[];
}

const HELP: OptionWords = { flags: ['-h', '--help'], text: 'print help', value: undefined };

/**
 * Collects the words of a command line from what Commander knows of it.
 *
 * @param argumentsOf - By command: the words that its arguments can be. Those of other commands are files.
 */
export function wordsOf(
  program: Command,
  argumentsOf: Readonly<Record<string, readonly string[]>>,
): ProgramWords {
  const commands = program.commands.map(
    (command): CommandWords => ({
      name: command.name(),
      text: command.description(),
      options: [...optionsOf(command), HELP],
      arguments: argumentsOf[command.name()] ?? (takesArguments(command) ? 'files' : 'anything'),
      subcommands: command.commands.map((sub) => sub.name()),
    }),
  );
  const help: CommandWords = {
    name: 'help',
    text: 'print help for a command',
    options: [],
    subcommands: [],
    arguments: commands.map(({ name }) => name),
  };
  return {
    name: program.name(),
    options: [...program.options.map(wordsOfOption), HELP],
    commands: [...commands, help],
  };
}

/** Those of its subcommands, too, each once. */
function optionsOf({ options, commands }: Command): readonly OptionWords[] {
  const all = [...options, ...commands.flatMap((sub) => sub.options)].map(wordsOfOption);
  return all.filter(({ flags }, i) => all.findIndex((other) => other.flags[0] === flags[0]) === i);
}

const takesArguments = ({ registeredArguments, commands }: Command): boolean =>
  registeredArguments.length > 0 || commands.some((sub) => sub.registeredArguments.length > 0);

function wordsOfOption({ short, long, description, required, flags, argChoices }: Option): OptionWords {
  const isFile = /<(file|module)>/.test(flags);
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    text: description,
    value: required ? (argChoices ?? (isFile ? 'files' : 'anything')) : undefined,
  };
}
