import { RuntimeError } from '../../core/errors.js';
import { inspectOutput } from '../../outputs/inspect/inspect-output.js';
import { planRelease, type ReleasePlan, release as releaseRuns } from '../../outputs/inspect/release-runs.js';
import { foldersText, LIVENESS_TEXT, runText } from '../describe-runs.js';
import { askedOutputs, type OutputSettings } from '../output-paths.js';
import { plainText, type Terminal } from '../terminal.js';

export interface ReleaseCommandOptions extends OutputSettings {
  /** Confirms that the runs are over. */
  readonly yes?: boolean;
  readonly run?: string;
  readonly staged?: boolean;
}

/**
 * Frees what is still held by runs that can no longer report their end.
 *
 * @returns The exit code.
 */
export async function release(
  args: readonly string[],
  options: ReleaseCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const found = await askedOutputs(args, options, terminal);
  if (!found?.isWhole) return 2;
  const { outputs } = found;
  if (outputs.length === 0) terminal.say('the specs write no files\n');
  let exitCode = 0;
  let isWaiting = false;
  for (const { path, spec } of outputs) {
    const shown = plainText(path, 300);
    try {
      const view = await inspectOutput(path);
      if (view.kind === 'missing' && !view.hasState) {
        if (spec === undefined) exitCode = 1;
        terminal.say(
          `${shown}: ${spec === undefined ? 'expected an output, found nothing of that name' : 'nothing is there yet'}\n`,
        );
        continue;
      }
      const plan = planRelease(view, options);
      const hasWork = plan.free.length + plan.bury.length + plan.remove.length + plan.finish.length > 0;
      if (hasWork && options.yes) await releaseRuns(view, plan);
      await terminal.print(
        `${shown}: ${hasWork ? described(plan, options.yes === true) : 'nothing to release\n'}`,
      );
      if (hasWork && !options.yes) isWaiting = true;
      for (const run of plan.live) {
        terminal.say(
          `${shown}: ${plainText(runText(run), 400)} ${LIVENESS_TEXT[run.liveness]}, and is not released\n`,
        );
      }
      if (!hasWork && plan.live.length > 0) exitCode = 1;
      if (plan.keep.length > 0) terminal.say(`${shown}: ${kept(plan)}`);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      terminal.say(`${plainText(error.message)}\n`);
      exitCode = 1;
    }
  }
  if (!isWaiting) return exitCode;
  terminal.say('Nothing was changed. Add --yes once you are sure that these runs are over.\n');
  return 1;
}

function described({ free, bury, remove, finish }: ReleasePlan, isDone: boolean): string {
  const lines = [
    ...free.map(
      (run) => `${isDone ? 'freed' : 'frees'} ${runText(run)}, which ${LIVENESS_TEXT[run.liveness]}`,
    ),
    ...bury.map(
      (run) =>
        `${isDone ? 'cleaned' : 'cleans'} up after ${runText(run)}, which ${LIVENESS_TEXT[run.liveness]}`,
    ),
  ];
  for (const run of new Set(remove.map((folder) => folder.run))) {
    const files = foldersText(remove.filter((folder) => folder.run === run));
    lines.push(
      isDone
        ? `removed the staged files of run ${run} (${files}): its checkpoint can no longer be resumed`
        : `removes the staged files of run ${run} (${files}): its checkpoint can then no longer be resumed`,
    );
  }
  if (finish.length > 0) lines.push(`${isDone ? 'finished' : 'finishes'} a release that was begun earlier`);
  const text = lines.map((line) => `  ${plainText(line, 500)}\n`).join('');
  return `${isDone ? 'released' : 'to be released'}\n${text}`;
}

function kept({ keep }: ReleasePlan): string {
  const runs = [...new Set(keep.map(({ run }) => run))].join(', ');
  return `the staged files of ${runs} (${foldersText(keep)}) stay, since a checkpoint store may resume them; --staged releases them, too\n`;
}
