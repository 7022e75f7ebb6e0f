#!/usr/bin/env node
/** The command line. Each command is in `commands/`, and is loaded when it is called. */
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError } from 'commander';
import { addCheckpointsCommands } from './checkpoints-commands.js';
import { componentsOption, settingsOption } from './common-options.js';
import { EXIT_CODE } from './interrupts.js';
import { addJobsCommands } from './jobs-commands.js';
import { addOutputsCommands } from './outputs-commands.js';
import { addReferenceCommands } from './reference-commands.js';
import { addSpecCommands } from './spec-commands.js';
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

const exit = (code: number) => {
  exitCode = code;
};

const program = new Command('tickloom')
  .description('Runs market-data pipelines, each in a thread or a process of its own.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print help')
  .helpCommand('help [command]', 'print help for a command')
  .addHelpText('after', EXAMPLES)
  .showSuggestionAfterError()
  .exitOverride();

// In this order, they are listed by the help.
addSpecCommands(program, terminal, exit);
addReferenceCommands(program, terminal, exit);
addOutputsCommands(program, terminal, exit);
addJobsCommands(program, terminal, exit);
addCheckpointsCommands(program, terminal, exit);

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

function version(): string {
  try {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { readonly version: string }).version;
  } catch {
    return 'unknown'; // where no file can be opened any more, the command says so, and what to do
  }
}
