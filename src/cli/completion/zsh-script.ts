import type { OptionWords, ProgramWords, Values } from './command-words.js';

/** A script for zsh: in a file `_name` of a folder of `fpath`, or sourced after `compinit`. */
export function zshScript({ name, options, commands }: ProgramWords): string {
  const cases = commands.map((command) => {
    const specs = [
      ...command.options.flatMap(optionSpecs),
      ...(command.subcommands.length > 0 ? [quoted(`1:command:${action(command.subcommands)}`)] : []),
      quoted(`*:argument:${action(command.arguments)}`),
    ];
    return `        ${command.name})\n          _arguments -s ${specs.join(' \\\n            ')}\n          ;;`;
  });
  const described = commands.map((command) => `    ${quoted(`${command.name}:${command.text}`)}`);
  return `#compdef ${name}
# Completion of ${name} for zsh: save it as _${name} in a folder of your fpath, or source it after compinit.
_${name}() {
  local curcontext=$curcontext state line
  local -a commands
  commands=(
${described.join('\n')}
  )
  _arguments -C ${options.flatMap(optionSpecs).join(' ')} '1: :->command' '*:: :->arguments'
  case $state in
    command) _describe -t commands command commands ;;
    arguments)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

/** For each flag; a flag may come again, as \`--set\` does. */
function optionSpecs({ flags, text, value }: OptionWords): string[] {
  const told = text.replace(/[[\]\\]/g, '\\$&');
  const takes = value === undefined ? '' : `:value:${action(value)}`;
  return flags.map((flag) => quoted(`*${flag}${value && flag.startsWith('--') ? '=' : ''}[${told}]${takes}`));
}

function action(values: Values): string {
  if (values === 'anything') return ' ';
  return values === 'files' ? '_files' : `(${values.join(' ')})`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
