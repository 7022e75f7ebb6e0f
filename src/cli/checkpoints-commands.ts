import { type Command, Option } from 'commander';
import type { Terminal } from './terminal.js';

const STORE = ['<folder>', 'folder of a checkpoint store, or of a store of jobs that has one in it'] as const;
const KEY = ['<key>', 'key of a pipeline in it: its name, if none was given'] as const;
const EXIT_CODES = '\nExit codes: 0 done; 1 refused, damaged, or --yes is missing; 2 wrong usage.\n';

/** Adds the commands on the checkpoints of a store. @param exit - Called with the exit code. */
export function addCheckpointsCommands(
  program: Command,
  terminal: Terminal,
  exit: (code: number) => void,
): void {
  const checkpoints = program
    .command('checkpoints')
    .description('look at the checkpoints in the folder of a store, reset them, or move them');

  checkpoints
    .command('list')
    .description('list the keys: who claimed them, and where the next start goes on')
    .argument(...STORE)
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nChanges nothing.\nExit codes: 0 listed, 1 damaged or no store, 2 wrong usage.\n')
    .action(async (folder: string, options) => {
      const { listCheckpoints } = await import('./commands/checkpoints.js');
      exit(await listCheckpoints(await checkpointFolder(folder), options, terminal));
    });

  checkpoints
    .command('show')
    .description('print what a checkpoint says: positions, states with their sizes, files of the sinks')
    .argument(...STORE)
    .argument(...KEY)
    .option('--json', 'print as JSON, with the whole checkpoint')
    .addHelpText('after', '\nChanges nothing.\nExit codes: 0 shown, 1 none or damaged, 2 wrong usage.\n')
    .action(async (folder: string, key: string, options) => {
      const { showCheckpoint } = await import('./commands/checkpoints.js');
      exit(await showCheckpoint([await checkpointFolder(folder), key], options, terminal));
    });

  checkpoints
    .command('export')
    .description('write a checkpoint to a file of its own')
    .argument(...STORE)
    .argument(...KEY)
    .requiredOption('--to <file>', 'the file, which must not exist')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXIT_CODES)
    .action(async (folder: string, key: string, options) => {
      const { exportCheckpoint } = await import('./commands/checkpoints-move.js');
      exit(await exportCheckpoint([await checkpointFolder(folder), key], options, terminal));
    });

  checkpoints
    .command('set')
    .description('put an exported checkpoint in the place of the one that a key has')
    .argument(...STORE)
    .argument(...KEY)
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
    .addHelpText('after', `\nThe job must not be at work.${EXIT_CODES}`)
    .action(async (folder: string, key: string, file: string, options) => {
      const { setCheckpoint } = await import('./commands/checkpoints-move.js');
      exit(await setCheckpoint([await checkpointFolder(folder), key, file], options, terminal));
    });

  checkpoints
    .command('reset')
    .description('have the next start begin anew, and take back what the sinks have of the run')
    .argument(...STORE)
    .argument(...KEY)
    .option('--yes', 'do it; without it, only what would be taken back is said')
    .option('--keep', 'the sinks keep what they have, and the next start is a new run')
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nThe job must not be at work.${EXIT_CODES}`)
    .action(async (folder: string, key: string, options) => {
      const { resetCheckpoint } = await import('./commands/checkpoints-reset.js');
      exit(await resetCheckpoint([await checkpointFolder(folder), key], options, terminal));
    });
}

async function checkpointFolder(folder: string): Promise<string> {
  const { checkpointFolderIn } = await import('../store/read-store.js');
  return checkpointFolderIn(folder);
}
