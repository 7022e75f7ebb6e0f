import { shellWord } from '../../core/own-command.js';
import type { OptionWords, ProgramWords, Values } from './command-words.js';

/** A script for fish 3.0 and later. */
export function fishScript({ name, options, commands }: ProgramWords): string {
  const lines = (condition: string, of: readonly OptionWords[]): string[] =>
    of.map(({ flags, text, value }) => {
      const names = flags.map((flag) =>
        flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      return line(condition, [
        ...names,
        ...(value ? [value === 'files' ? '-r' : '-x', ...offer(value)] : []),
        `-d ${quoted(text)}`,
      ]);
    });
  const line = (condition: string, parts: readonly string[]) =>
    `complete -c ${name} -n ${quoted(condition)} ${parts.join(' ')}`;
  const first = '__fish_use_subcommand';
  return [
    `# Completion of ${name} for fish: ${name} completion fish > ~/.config/fish/completions/${name}.fish`,
    `complete -c ${name} -f`,
    ...lines(first, options),
    ...commands.map((command) => line(first, [`-a ${command.name}`, `-d ${quoted(command.text)}`])),
    ...commands.flatMap((command) => {
      const condition = `__fish_seen_subcommand_from ${command.name}`;
      const values = offer(command.arguments);
      return [
        ...(command.subcommands.length > 0 ? [line(condition, offer(command.subcommands))] : []),
        ...(values.length > 0 ? [line(condition, values)] : []),
        ...lines(condition, command.options),
      ];
    }),
    '',
  ].join('\n');
}

function offer(values: Values): string[] {
  if (values === 'anything') return [];
  return values === 'files' ? ['-F'] : [`-a ${quoted(values.map(shellWord).join(' '))}`];
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
