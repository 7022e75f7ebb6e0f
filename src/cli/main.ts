#!/usr/bin/env node
/** The command line. Each command is in `commands/`, and is loaded when it is called. */
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PRIORITY_MAX } from '../settings/priority.js';
import { ASSET_CLASSES } from '../wire/provider-capabilities.js';
import { parseDurationMs } from './duration-argument.js';
import { endBySignal } from './end-process.js';
import { EXIT_CODE } from './interrupts.js';
import { addJobsCommands } from './jobs-commands.js';
import { processTerminal, TerminalError } from './terminal.js';

const EXAMPLES = `
Examples:
  tickloom run spec.yaml
  tickloom run bars.yaml ticks.yaml --duration 10s
  tickloom run spec.yaml --set source.speed=10 --set operators[2].every=5m
  tickloom run spec.yaml --store jobs
  tickloom resume --store jobs
  tickloom validate specs/*.yaml
  tickloom explain spec.yaml
  tickloom components bars
  tickloom instruments binance-spot --symbols BTCUSDT
  tickloom errors LATE_ROW
  tickloom calendar XNYS --at 2026-11-27T14:00
  tickloom show out/eurusd
  tickloom parts out/eurusd
  tickloom release out/eurusd --yes
  tickloom checkpoints list checkpoints

Relative paths, those within a spec included, are taken from the working directory.

Exit codes:
  0    all jobs completed, also when they came to a bound (--duration, --max-rows, --until, a slice)
  1    a job failed, or was stopped before everything was delivered
  2    the command line or a spec is wrong; nothing was started
  137  a thread was in a call that does not return, and the process ended itself (SIGKILL)
  130  ended by Ctrl-C (SIGINT), drained, suspended or forced
  143  ended by SIGTERM, 129 by SIGHUP, in the same way
`;

const terminal = processTerminal();
let exitCode = 0;

// To check a spec, the user's modules are loaded here as well. They may end the process, or let it run
// out of work while a promise is pending. That must be reported, and must not exit with 0.
process.once('exit', sayUnfinished);

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];
const setOption = () =>
  new Option(
    '--set <path=value>',
    'change one value in every spec, such as batcher.maxRows=1000 or operators[0].every=5m, or with NAME:path=value in the spec NAME only (repeat for more)',
  )
    .argParser(collect)
    .default([], 'none');
const settingsOption = () =>
  new Option(
    '--settings <file>',
    'YAML or JSON file with settings of the runtime: budgets, breakers, maxThreads, …',
  );
const componentsOption = () =>
  new Option(
    '--components <module>',
    'module with components that specs can use: a path or a package (repeat for more)',
  ).argParser((value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]);
const documentOption = () =>
  new Option('--json', 'print one JSON document on standard output and nothing else there');
const threadsOption = () =>
  new Option('--threads <n>', 'pipelines that run at one time; further jobs wait').argParser((text: string) =>
    threadsArgument(text),
  );
const logLevelOption = () =>
  new Option('--log-level <level>', 'what is logged to standard error')
    .choices(['debug', 'info', 'warn', 'error', 'silent'])
    .default('warn');
const specs = [
  '<spec...>',
  'YAML or JSON files, "-" for standard input; a YAML file may hold several documents',
] as const;

const program = new Command('tickloom')
  .description('Runs market-data pipelines, each in a thread or a process of its own.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print help')
  .helpCommand('help [command]', 'print help for a command')
  .addHelpText('after', EXAMPLES)
  .showSuggestionAfterError()
  .exitOverride();

program
  .command('run')
  .description('run the pipelines of specs side by side until all have ended')
  .argument(...specs)
  .addOption(setOption())
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--duration <time>', 'drain each job after this time, such as 10s', (text) =>
    durationArgument(text),
  )
  .option('--max-rows <n>', 'drain each job after so many rows of its source', (text) =>
    wholeNumber(text, Number.MAX_SAFE_INTEGER),
  )
  .option('--until <instant>', 'drain all jobs at this instant, such as 2026-01-02T16:00:00-05:00', (text) =>
    instantArgument(text),
  )
  .option(
    '--slice-rows <n>',
    'end each job with a checkpoint after so many rows: the next run of the command goes on',
    (text) => wholeNumber(text, Number.MAX_SAFE_INTEGER),
  )
  .option('--slice-duration <time>', 'the same after this time', (text) => durationArgument(text))
  .option('--priority <n>', 'of each job: those with a larger one start sooner, -10 to 10', (text) =>
    priorityArgument(text),
  )
  .option('--tenant <name>', 'on whose behalf each job runs: tenants take turns, and may have a limit')
  .option('--group <name>', 'the group of the settings that each job belongs to')
  .option(
    '--label <name=text>',
    'a text shown with each job (repeatable)',
    (text, before: readonly string[] = []) => [...before, labelArgument(text)],
  )
  .addOption(
    new Option('--restart <policy>', 'when a job is started again after a run of it has ended').choices([
      'never',
      'on-failure',
      'always',
    ]),
  )
  .addOption(
    new Option(
      '--isolation <host>',
      'run each job in a thread, or in a process of its own; goes before the specs',
    ).choices(['thread', 'process']),
  )
  .option('--checkpoints <folder>', 'keep checkpoints there, from which jobs go on after a restart')
  .option(
    '--store <folder>',
    'keep jobs there, with their checkpoints: "resume" goes on with them, whatever ended this process',
  )
  .addOption(documentOption())
  .addOption(threadsOption())
  .addOption(logLevelOption())
  .addHelpText(
    'after',
    '\nCtrl-C drains: sources stop and what was read is delivered. With --checkpoints or --store, it suspends: the last checkpoints are taken, and the next start goes on from there. A second Ctrl-C stops at once.\nExit codes: 0 completed, 1 failed or cut short, 2 wrong spec or usage, 137 a thread is in a call that does not return, 130, 143 and 129 ended by SIGINT, SIGTERM and SIGHUP.\n',
  )
  .action(async (files: string[], options) => {
    const { run } = await import('./commands/run.js');
    const end = await run(files, options, terminal);
    if (typeof end === 'number') exitCode = end;
    else endBySignal(end);
  });

program
  .command('resume')
  .description('go on with the jobs of a store, and run until all have ended')
  .option('--store <folder>', 'the folder that "run --store" or a runtime has kept them in')
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--duration <time>', 'drain all jobs after this time, such as 10s', (text) =>
    durationArgument(text),
  )
  .addOption(documentOption())
  .addOption(threadsOption())
  .addOption(logLevelOption())
  .addHelpText(
    'after',
    '\nStart it in the folder in which the jobs were started: relative paths are taken from there.\n' +
      'Ctrl-C suspends: the next "resume" goes on. Exit codes: those of "run".\n',
  )
  .action(async (options) => {
    const { resume } = await import('./commands/run.js');
    const end = await resume(options, terminal);
    if (typeof end === 'number') exitCode = end;
    else endBySignal(end);
  });

program
  .command('validate')
  .description('check specs and name every problem with file, line and column')
  .argument(...specs)
  .addOption(setOption())
  .addOption(settingsOption())
  .addOption(componentsOption())
  .action(async (files: string[], options) => {
    const { validate } = await import('./commands/validate.js');
    exitCode = await validate(files, options, terminal);
  });

program
  .command('explain')
  .description('print the stages of specs, with what comes out of each')
  .argument(...specs)
  .addOption(setOption())
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--json', 'print as JSON')
  .action(async (files: string[], options) => {
    const { explain } = await import('./commands/explain.js');
    exitCode = await explain(files, options, terminal);
  });

program
  .command('components')
  .description('list what a spec can use, with its options')
  .argument('[name]', 'a kind (source, operator, batcher, sink) or the name of a component')
  .option('--json', 'print as JSON, with the JSON Schema of the options')
  .addOption(settingsOption())
  .addOption(componentsOption())
  .action(async (name: string | undefined, options) => {
    const { components } = await import('./commands/components.js');
    exitCode = await components(name, options, terminal);
  });

program
  .command('instruments')
  .description('list what can be asked of a provider, or the options on something')
  .argument('<provider>', 'the name of a provider, as `use` of a spec has it')
  .option('--symbols <list>', 'only these, such as BTCUSDT,ETHUSDT')
  .addOption(
    new Option('--asset-class <class>', 'only instruments of this class').choices([...ASSET_CLASSES]),
  )
  .option('--underlying <symbol>', 'list the options on this instead')
  .option('--expiry <day>', 'only options that expire on this day, such as 2024-12-20')
  .addOption(
    new Option('--option <name=value>', 'an option of the provider (repeat for more)')
      .argParser(collect)
      .default([], 'none'),
  )
  .option('--spec <file>', 'take options, budget and breaker from the source of this spec')
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--json', 'print as JSON')
  .addHelpText(
    'after',
    '\nA budget and a breaker of the settings that have the name of the provider are applied.\nExit codes: 0 listed; 1 the provider failed, or does not list one of --symbols; 2 wrong usage.\n',
  )
  .action(async (provider: string, options) => {
    const { instruments } = await import('./commands/instruments.js');
    exitCode = await instruments(provider, options, terminal);
  });

program
  .command('errors')
  .description('say what the code of an error means, what causes it, and what to do')
  .argument('[code]', 'a code, such as LATE_ROW; without it, all codes are listed')
  .option('--json', 'print as JSON')
  .addOption(new Option('--markdown', 'print all of it as a page of documentation').conflicts('json'))
  .action(async (code: string | undefined, options) => {
    const { errors } = await import('./commands/errors.js');
    exitCode = await errors(code, options, terminal);
  });

program
  .command('calendar')
  .description('list trading calendars, print what a market is doing at an instant, or its sessions')
  .argument('[name]', 'the name of a calendar, or a file with one (YAML, JSON); without it, all are listed')
  .option('--at <time>', 'the instant, such as 2026-11-27T14:00 on the clock of the calendar; now by default')
  .option('--from <date>', 'print sessions, from this trade date on')
  .option('--to <date>', 'last trade date; of two weeks by default')
  .addOption(
    new Option('--hours <hours>', 'which hours count as open')
      .choices(['regular', 'extended'])
      .default('regular'),
  )
  .option('--json', 'print as JSON')
  .addHelpText('after', '\nExit codes: 0 printed, 2 wrong file or usage.\n')
  .action(async (name: string | undefined, options) => {
    const { calendar } = await import('./commands/calendar.js');
    exitCode = await calendar(name, options, terminal);
  });

program
  .command('schema')
  .description('print the JSON Schema of a spec, for editors')
  .addOption(settingsOption())
  .addOption(componentsOption())
  .action(async (options) => {
    const { schema } = await import('./commands/schema.js');
    exitCode = await schema(options, terminal);
  });

program
  .command('show')
  .description('print the columns and first rows of Parquet, CSV or JSON lines files')
  .argument('<file...>', 'files, or directories that a pipeline wrote')
  .option('--rows <n>', 'rows to print of each', (text) => rowsArgument(text), 10)
  .option('--last', 'the last rows in place of the first')
  .action(async (files: string[], options) => {
    const { show } = await import('./commands/show.js');
    exitCode = await show(files, options, terminal);
  });

const outputs = [
  '<path...>',
  'outputs (directories of parts, or files), or specs (.yaml, .json) that stand for their outputs',
] as const;

program
  .command('parts')
  .description('list which files of an output count, which are not complete yet, and whose those are')
  .argument(...outputs)
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--all', 'every part, not just the totals for each run')
  .option('--json', 'print as JSON')
  .addHelpText(
    'after',
    '\nChanges nothing.\nExit codes: 0 listed, 1 a path cannot be inspected, 2 wrong spec (what can be told of it is listed) or usage.\n',
  )
  .action(async (paths: string[], options) => {
    const { parts } = await import('./commands/parts.js');
    exitCode = await parts(paths, options, terminal);
  });

program
  .command('release')
  .description('free an output from runs of a host or container that no longer exists')
  .argument(...outputs)
  .addOption(settingsOption())
  .addOption(componentsOption())
  .option('--yes', 'confirm that these runs are over; without it, nothing is changed')
  .option('--run <id>', 'only this run')
  .option('--staged', 'also remove what a checkpoint store could resume')
  .addHelpText(
    'after',
    '\nA run that is at work is never released. If a released run was at work after all, it publishes nothing more.\n' +
      'Exit codes: 0 released, or nothing to release; 1 not released, or --yes is missing; 2 wrong spec or usage.\n',
  )
  .action(async (paths: string[], options) => {
    const { release } = await import('./commands/release.js');
    exitCode = await release(paths, options, terminal);
  });

addJobsCommands(program, terminal, (code) => {
  exitCode = code;
});

const checkpoints = program
  .command('checkpoints')
  .description('look at the checkpoints in the folder of a store, reset them, or move them');
const store = ['<folder>', 'folder of a checkpoint store, or of a store of jobs that has one in it'] as const;
const storeKey = ['<key>', 'key of a pipeline in it: its name, if none was given'] as const;
const CHECKPOINTS_EXIT = '\nExit codes: 0 done; 1 refused, damaged, or --yes is missing; 2 wrong usage.\n';

checkpoints
  .command('list')
  .description('list the keys: who claimed them, and where the next start goes on')
  .argument(...store)
  .option('--json', 'print as JSON')
  .addHelpText('after', '\nChanges nothing.\nExit codes: 0 listed, 1 damaged or no store, 2 wrong usage.\n')
  .action(async (folder: string, options) => {
    const { listCheckpoints } = await import('./commands/checkpoints.js');
    exitCode = await listCheckpoints(await checkpointFolder(folder), options, terminal);
  });

checkpoints
  .command('show')
  .description('print what a checkpoint says: positions, states with their sizes, files of the sinks')
  .argument(...store)
  .argument(...storeKey)
  .option('--json', 'print as JSON, with the whole checkpoint')
  .addHelpText('after', '\nChanges nothing.\nExit codes: 0 shown, 1 none or damaged, 2 wrong usage.\n')
  .action(async (folder: string, key: string, options) => {
    const { showCheckpoint } = await import('./commands/checkpoints.js');
    exitCode = await showCheckpoint([await checkpointFolder(folder), key], options, terminal);
  });

checkpoints
  .command('export')
  .description('write a checkpoint to a file of its own')
  .argument(...store)
  .argument(...storeKey)
  .requiredOption('--to <file>', 'the file, which must not exist')
  .option('--json', 'print as JSON')
  .addHelpText('after', CHECKPOINTS_EXIT)
  .action(async (folder: string, key: string, options) => {
    const { exportCheckpoint } = await import('./commands/checkpoints-move.js');
    exitCode = await exportCheckpoint([await checkpointFolder(folder), key], options, terminal);
  });

checkpoints
  .command('set')
  .description('put an exported checkpoint in the place of the one that a key has')
  .argument(...store)
  .argument(...storeKey)
  .argument('<exported>', 'file from "checkpoints export"')
  .option('--yes', 'do it; without it, only what would happen is said')
  .addOption(
    new Option(
      '--output <file>',
      'where its sink writes: compared with the files that the checkpoint lists (repeat for more)',
    ).argParser((value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]),
  )
  .option('--other-key', 'also if it was exported from another key')
  .option('--other-spec', 'also if it is of another spec')
  .option('--other-run', 'also if it is of another run, whose rows stay')
  .option('--again', 'also if rows are delivered again that a sink cannot take back')
  .option('--json', 'print as JSON')
  .addHelpText('after', `\nThe job must not be at work.${CHECKPOINTS_EXIT}`)
  .action(async (folder: string, key: string, file: string, options) => {
    const { setCheckpoint } = await import('./commands/checkpoints-move.js');
    exitCode = await setCheckpoint([await checkpointFolder(folder), key, file], options, terminal);
  });

checkpoints
  .command('reset')
  .description('have the next start begin anew, and take back what the sinks have of the run')
  .argument(...store)
  .argument(...storeKey)
  .option('--yes', 'do it; without it, only what would be taken back is said')
  .option('--keep', 'the sinks keep what they have, and the next start is a new run')
  .option('--json', 'print as JSON')
  .addHelpText('after', `\nThe job must not be at work.${CHECKPOINTS_EXIT}`)
  .action(async (folder: string, key: string, options) => {
    const { resetCheckpoint } = await import('./commands/checkpoints-reset.js');
    exitCode = await resetCheckpoint([await checkpointFolder(folder), key], options, terminal);
  });

program
  .command('completion')
  .description('print a script with which a shell completes commands, options and names of components')
  .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
  .addOption(settingsOption())
  .addOption(componentsOption())
  .addHelpText(
    'after',
    '\nFor bash, in ~/.bashrc: eval "$(tickloom completion bash)"\n' +
      'For zsh, after compinit: source <(tickloom completion zsh)\n' +
      'For fish: tickloom completion fish > ~/.config/fish/completions/tickloom.fish\n',
  )
  .action(async (shell: 'bash' | 'zsh' | 'fish', options) => {
    const { completion } = await import('./commands/completion.js');
    exitCode = await completion(shell, options, program, terminal);
  });

void main();

/** Runs the command. Never rejects. A function, since the build has no top-level `await`. */
async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the problem. Help that was not requested means bad usage.
      exitCode = error.exitCode === 0 ? 0 : 2;
    } else if (error instanceof TerminalError) {
      terminal.say(`error: ${error.message}\n`);
      exitCode = 1;
    } else {
      terminal.say(`${await unexpected(error)}\n`);
      exitCode = 1;
    }
  }
  process.off('exit', sayUnfinished);
  process.exitCode = exitCode;
  // A pipeline with native code that does not stop keeps its thread, which would keep the process alive.
  setTimeout(() => process.exit(), 2_000).unref();
}

/** Not imported above, since every command would wait for it: it is loaded with the command. */
async function unexpected(error: unknown): Promise<string> {
  if (!(error instanceof Error)) return String(error);
  const limits = await import('../core/system-limits.js').catch(() => undefined);
  const advice = limits?.outOfFiles(error);
  return advice === undefined ? (error.stack ?? error.message) : `error: ${error.message}: ${advice}`;
}

function sayUnfinished(code: number): void {
  if (Object.values(EXIT_CODE).includes(code)) return; // a third Ctrl-C
  terminal.say(
    'error: the process ended before the command did: something called process.exit, or waited for something that never happens\n',
  );
  process.exitCode = 1;
}

async function checkpointFolder(folder: string): Promise<string> {
  const { checkpointFolderIn } = await import('../store/read-store.js');
  return checkpointFolderIn(folder);
}

function durationArgument(text: string): string {
  if (parseDurationMs(text) === undefined)
    throw new InvalidArgumentError('Expected a duration of 1ms to 365d, such as 500ms, 10s or 5m.');
  return text;
}

function priorityArgument(text: string): number {
  if (!/^-?\d{1,2}$/.test(text) || Math.abs(Number(text)) > PRIORITY_MAX)
    throw new InvalidArgumentError(`Expected a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}.`);
  return Number(text);
}

function labelArgument(text: string): string {
  if (!/^[^=]{1,256}=.{1,256}$/s.test(text))
    throw new InvalidArgumentError('Expected name=text, each of 1 to 256 characters.');
  return text;
}

function instantArgument(text: string): string {
  // As the option of a submit has it.
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ||
    Number.isNaN(Date.parse(text))
  )
    throw new InvalidArgumentError('Expected an instant with its zone, such as 2026-01-02T16:00:00-05:00.');
  return text;
}

function threadsArgument(text: string): number {
  return wholeNumber(text, 4_096);
}

function rowsArgument(text: string): number {
  return wholeNumber(text, 10_000);
}

function wholeNumber(text: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`);
  return value;
}

function version(): string {
  try {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { readonly version: string }).version;
  } catch {
    return 'unknown'; // where no file can be opened any more, the command says so, and what to do
  }
}
