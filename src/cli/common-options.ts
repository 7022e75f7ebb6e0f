/** Options and arguments that several commands have. A command needs one of its own of each. */
import { Option } from 'commander';
import { threadsArgument } from './checked-arguments.js';

export const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];
export const setOption = () =>
  new Option(
    '--set <path=value>',
    'change one value in every spec, such as batcher.maxRows=1000 or operators[0].every=5m, or with NAME:path=value in the spec NAME only (repeat for more)',
  )
    .argParser(collect)
    .default([], 'none');
export const settingsOption = () =>
  new Option(
    '--settings <file>',
    'YAML or JSON file with settings of the runtime: budgets, breakers, maxThreads, …',
  );
export const componentsOption = () =>
  new Option(
    '--components <module>',
    'module with components that specs can use: a path or a package (repeat for more)',
  ).argParser((value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]);
export const documentOption = () =>
  new Option('--json', 'print one JSON document on standard output and nothing else there');
export const threadsOption = () =>
  new Option('--threads <n>', 'pipelines that run at one time; further jobs wait').argParser((text: string) =>
    threadsArgument(text),
  );
export const logLevelOption = () =>
  new Option('--log-level <level>', 'what is logged to standard error')
    .choices(['debug', 'info', 'warn', 'error', 'silent'])
    .default('warn');
/** The argument of commands on specs. */
export const SPECS = [
  '<spec...>',
  'YAML or JSON files, "-" for standard input; a YAML file may hold several documents',
] as const;
