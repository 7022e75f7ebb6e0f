import type { Command } from 'commander';
import type { JobsOptions } from './commands/jobs.js';
import type { DeleteOptions } from './commands/jobs-delete.js';
import type { Terminal } from './terminal.js';

const STORE = ['--store <folder>', 'folder of the store'] as const;
const JOB = ['<job>', 'name of a job, or its id; of several of one name, the last'] as const;

/** Adds the commands on the jobs of a store. @param exit - Called with the exit code. */
export function addJobsCommands(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  const jobs = program
    .command('jobs')
    .description('look at the jobs in a store, or delete them while no process has it');

  jobs
    .command('list')
    .description('list the jobs: state, what the user wants, and what the next start does')
    .requiredOption(...STORE)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nChanges nothing, also while a process has the store.\nExit codes: 0 listed, 1 damaged or no store, 2 wrong usage.\n',
    )
    .action(async (options: JobsOptions) => {
      const { listJobs } = await import('./commands/jobs.js');
      exit(await listJobs(options, terminal));
    });

  jobs
    .command('show')
    .description('print what the store has of a job: spec, options, runs, history')
    .argument(...JOB)
    .requiredOption(...STORE)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nChanges nothing, also while a process has the store.\nExit codes: 0 shown, 1 none or damaged, 2 wrong usage.\n',
    )
    .action(async (job: string, options: JobsOptions) => {
      const { showJob } = await import('./commands/jobs.js');
      exit(await showJob(job, options, terminal));
    });

  jobs
    .command('delete')
    .description('delete a job that has ended, with its history and checkpoints; its output stays')
    .argument(...JOB)
    .requiredOption(...STORE)
    .option('--yes', 'do it; without it, only what would happen is said')
    .option('--checkpoints <folder>', 'folder of the checkpoints, if they are not kept in the store')
    .option('--settings <file>', 'settings of the runtime, which may say where checkpoints are kept')
    .option('--unended', 'also if it has not ended and would go on at the next start')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nNo process may have the store.\nExit codes: 0 done; 1 refused, damaged, or --yes is missing; 2 wrong usage.\n',
    )
    .action(async (job: string, options: DeleteOptions) => {
      const { deleteJob } = await import('./commands/jobs-delete.js');
      exit(await deleteJob(job, options, terminal));
    });
}
