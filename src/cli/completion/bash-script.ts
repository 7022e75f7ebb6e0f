import { shellWord } from '../../core/own-command.js';
import type { ProgramWords, Values } from './command-words.js';

/** A script for bash 3.2 and later. */
export function bashScript({ name, options, commands }: ProgramWords): string {
  const patterns = new Map<string, string[]>();
  for (const command of commands) {
    for (const { flags, value } of command.options) {
      if (value === undefined) continue;
      const offered = offer(value);
      const same = patterns.get(offered) ?? [];
      patterns.set(offered, same);
      same.push(...flags.map((flag) => shellWord(`${command.name} ${flag}`)));
    }
  }
  const values = [...patterns].map(([offered, of]) => `    ${of.join(' | ')}) ${offered} ;;`);
  const cases = commands.map(
    ({ name: of, arguments: values, options: own, subcommands }) =>
      `        ${of}) ${offer(values, flagsOf(own), subcommands)} ;;`,
  );
  return `# Completion of ${name} for bash: source this file, or eval "$(${name} completion bash)".
_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} last=\${COMP_WORDS[COMP_CWORD - 1]} command= words= flags= files= i
  # bash takes "--option=value" for three words.
  if [[ $word == '=' ]]; then
    word=
  elif [[ $last == '=' ]]; then
    last=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then
      command=\${COMP_WORDS[i]}
      break
    fi
  done
  case "$command $last" in
${values.join('\n')}
    *)
      case $command in
        '') ${offer(
          commands.map((command) => command.name),
          flagsOf(options),
        )} ;;
${cases.join('\n')}
      esac
      if [[ $word == -* ]]; then words=$flags files=; fi
      ;;
  esac
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -f -- "$word")
  fi
}
complete -F _${name} ${name}
`;
}

const flagsOf = (options: ProgramWords['options']): readonly string[] =>
  options.flatMap(({ flags }) => flags);

/** Sets the variables of the script. */
function offer(values: Values, flags: readonly string[] = [], first: readonly string[] = []): string {
  const set = [
    ...(values === 'files' ? ['files=1'] : values === 'anything' ? [] : [`words=${list(values)}`]),
    ...(first.length > 0 ? [`words=${list(first)}`] : []),
    ...(flags.length > 0 ? [`flags=${list(flags)}`] : []),
  ];
  return set.length > 0 ? set.join(' ') : ':';
}

const list = (words: readonly string[]): string => `'${words.join(' ')}'`;
