import type { Command } from 'commander';
import { rowsArgument } from './checked-arguments.js';
import { componentsOption, settingsOption } from './common-options.js';
import type { Terminal } from './terminal.js';

const OUTPUTS = [
  '<path...>',
  'outputs (directories of parts, or files), or specs (.yaml, .json) that stand for their outputs',
] as const;

/** Adds the commands on what pipelines wrote. @param exit - Called with the exit code. */
export function addOutputsCommands(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('show')
    .description('print the columns and first rows of Parquet, CSV or JSON lines files')
    .argument('<file...>', 'files, or directories that a pipeline wrote')
    .option('--rows <n>', 'rows to print of each', (text) => rowsArgument(text), 10)
    .option('--last', 'the last rows in place of the first')
    .action(async (files: string[], options) => {
      const { show } = await import('./commands/show.js');
      exit(await show(files, options, terminal));
    });

  program
    .command('parts')
    .description('list which files of an output count, which are not complete yet, and whose those are')
    .argument(...OUTPUTS)
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
      exit(await parts(paths, options, terminal));
    });

  program
    .command('release')
    .description('free an output from runs of a host or container that no longer exists')
    .argument(...OUTPUTS)
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
      exit(await release(paths, options, terminal));
    });
}
