import { FileCheckpointStore } from '../../checkpoints/file-checkpoint-store.js';
import type { KeyView } from '../../checkpoints/inspect-store.js';
import { planReset } from '../../checkpoints/reset-run.js';
import { type PlacedSink, titleOf } from '../../checkpoints/sink-positions.js';
import type { Checkpoint } from '../../wire/checkpoint.js';
import { ownerOfThread } from '../../wire/owner-of-thread.js';
import {
  askedKey,
  atWork,
  type CheckpointsOptions,
  damageText,
  refused,
  type Said,
  say,
  unknownKey,
  unseenOwner,
} from '../checkpoint-key.js';
import { countText } from '../checkpoint-words.js';
import { formatCount } from '../figures.js';
import { plainText, type Terminal } from '../terminal.js';

export interface ResetOptions extends CheckpointsOptions {
  readonly yes?: boolean;
  /** The sinks keep what they have of the run, and the next start is a new run. */
  readonly keep?: boolean;
}

/**
 * Resets the run of a key, so that its next start begins anew and takes back what its sinks have of it, or keeps it.
 *
 * @returns The exit code.
 */
export function resetCheckpoint(
  [folder, key]: readonly [folder: string, key: string],
  options: ResetOptions,
  terminal: Terminal,
): Promise<number> {
  return say(terminal, options, async () => {
    const view = await askedKey(folder, key, options);
    if (!view) return refused([unknownKey(folder, key)]);
    if (view.claim?.isRemoved) return nothingToDo(key);
    const live = atWork(key, view);
    if (live !== undefined) return refused([live]);
    const said = await (options.keep ? forget : rewind)(folder, key, view, options);
    return { ...said, advice: `${damageText(view)}${said.advice ?? ''}` };
  });
}

async function rewind(folder: string, key: string, view: KeyView, options: ResetOptions): Promise<Said> {
  const { nowMs = Date.now(), yes, fs } = options;
  const { checkpoint, epoch, problems } = view;
  if (!checkpoint) {
    if (problems.length === 0) return nothingToDo(key);
    return refused([
      `"${key}": expected a checkpoint that says what the sink has, found none that can be read; --keep resets the key and leaves the output as it is`,
    ]);
  }
  const plan = planReset(checkpoint, nowMs);
  if ('problems' in plan) {
    return refused([
      ...plan.problems.map((problem) => `"${key}": ${problem}`),
      '--keep resets the key and leaves the output as it is: the next run delivers all rows once more',
    ]);
  }
  const takesBack = plan.sinks.flatMap((sink) => taken(sink));
  const notes = [...warnings(checkpoint), ...unseenOwner(view)];
  let taking = epoch;
  if (yes) {
    const store = new FileCheckpointStore(folder, { fs });
    const fence = await store.claimAfter(key, ownerOfThread(), epoch, checkpoint.run.epoch);
    await store.save(key, fence, plan.checkpoint);
    taking = fence.epoch;
  }
  return done(key, { takesBack, notes, epoch: taking, isDone: yes === true, keeps: false });
}

async function forget(folder: string, key: string, view: KeyView, options: ResetOptions): Promise<Said> {
  const { yes, fs } = options;
  const { checkpoint, epoch } = view;
  const rows = checkpoint
    ? `${formatCount(checkpoint.counters.rowsOut)} rows of run ${checkpoint.run.id}`
    : 'its rows';
  const notes = [
    `the output keeps ${rows} that are published; the next start is a new run, reads from the beginning and delivers them once more`,
    'what is not published yet is removed by the next start at that output',
    ...unseenOwner(view),
  ];
  if (yes) await new FileCheckpointStore(folder, { fs }).removeAfter(key, epoch);
  return done(key, {
    takesBack: [],
    notes,
    epoch: yes ? epoch + 1 : epoch,
    isDone: yes === true,
    keeps: true,
  });
}

interface Reset {
  readonly takesBack: readonly string[];
  readonly notes: readonly string[];
  readonly epoch: number;
  readonly isDone: boolean;
  readonly keeps: boolean;
}

function done(key: string, { takesBack, notes, epoch, isDone, keeps }: Reset): Said {
  const title = isDone ? `"${key}" is reset, under epoch ${epoch}` : `"${key}" is to be reset`;
  const head = takesBack.length === 0 ? [] : ['the next start begins anew, and takes back:'];
  const lines = [title, ...head, ...takesBack.map((line) => `  ${line}`), ...notes];
  return {
    code: isDone ? 0 : 1,
    text: lines.map((line) => `${plainText(line, 1_000)}\n`).join(''),
    advice: isDone ? '' : 'Nothing was changed. Add --yes to do so.\n',
    document: { key, done: isDone, epoch, keeps, takesBack, notes },
  };
}

const nothingToDo = (key: string): Said => ({
  code: 0,
  text: `${plainText(`"${key}": nothing to reset, the next start begins a new run`, 1_000)}\n`,
  document: { key, done: false, takesBack: [], notes: [] },
});

function warnings({ states, ended }: Checkpoint): string[] {
  const notes: string[] = [];
  if (states.intake !== undefined) {
    notes.push('the source is live: what is taken back may not come again');
  }
  if (ended?.isPublished) notes.push('the run had ended: its next start delivers all of it once more');
  return notes;
}

/** What a sink takes back, as lines. */
function taken(sink: PlacedSink): string[] {
  const title = titleOf(sink);
  switch (sink.position.kind) {
    case 'parts': {
      const { run, published, staged, open } = sink.position.parts;
      return [
        `${title}: all parts of run ${run} ("*-${run}-*"): ${countText(published, 'published part')}, ` +
          `${formatCount(staged.length)} to be published, ${formatCount(open?.files.length ?? 0)} not complete`,
      ];
    }
    case 'file':
      return [`${title}: ${formatCount(sink.position.file.bytes)} bytes that are not published yet`];
    default:
      return [`${title}: nothing, since it keeps no rows`];
  }
}
