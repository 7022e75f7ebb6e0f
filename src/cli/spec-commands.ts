import { type Command, Option } from 'commander';
import {
  durationArgument,
  instantArgument,
  labelArgument,
  priorityArgument,
  wholeNumber,
} from './checked-arguments.js';
import {
  componentsOption,
  documentOption,
  logLevelOption,
  SPECS,
  setOption,
  settingsOption,
  threadsOption,
} from './common-options.js';
import { endBySignal } from './end-process.js';
import type { Terminal } from './terminal.js';

/** Adds the commands that run, check and explain specs. @param exit - Called with the exit code. */
export function addSpecCommands(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('run')
    .description('run the pipelines of specs side by side until all have ended')
    .argument(...SPECS)
    .addOption(setOption())
    .addOption(settingsOption())
    .addOption(componentsOption())
    .option('--duration <time>', 'drain each job after this time, such as 10s', (text) =>
      durationArgument(text),
    )
    .option('--max-rows <n>', 'drain each job after so many rows of its source', (text) =>
      wholeNumber(text, Number.MAX_SAFE_INTEGER),
    )
    .option(
      '--until <instant>',
      'drain all jobs at this instant, such as 2026-01-02T16:00:00-05:00',
      (text) => instantArgument(text),
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
      if (typeof end === 'number') exit(end);
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
      if (typeof end === 'number') exit(end);
      else endBySignal(end);
    });

  program
    .command('validate')
    .description('check specs and name every problem with file, line and column')
    .argument(...SPECS)
    .addOption(setOption())
    .addOption(settingsOption())
    .addOption(componentsOption())
    .action(async (files: string[], options) => {
      const { validate } = await import('./commands/validate.js');
      exit(await validate(files, options, terminal));
    });

  program
    .command('explain')
    .description('print the stages of specs, with what comes out of each')
    .argument(...SPECS)
    .addOption(setOption())
    .addOption(settingsOption())
    .addOption(componentsOption())
    .option('--json', 'print as JSON')
    .action(async (files: string[], options) => {
      const { explain } = await import('./commands/explain.js');
      exit(await explain(files, options, terminal));
    });
}
