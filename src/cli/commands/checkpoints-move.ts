import * as nodeFs from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { decodeExport, EXPORT_BYTES_MAX, encodeExport } from '../../checkpoints/exported-checkpoint.js';
import { FileCheckpointStore } from '../../checkpoints/file-checkpoint-store.js';
import { fitFile, fitParts, type OutputFit } from '../../checkpoints/fit-output.js';
import { inspectStore, type KeyView } from '../../checkpoints/inspect-store.js';
import { type PlacedSink, sinksOf, titleOf } from '../../checkpoints/sink-positions.js';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import { randomId } from '../../core/random-id.js';
import { cutList } from '../../core/shown-text.js';
import { writeNewFile } from '../../outputs/disk/durable-files.js';
import { inspectOutput, type OutputView } from '../../outputs/inspect/inspect-output.js';
import type { Checkpoint } from '../../wire/checkpoint.js';
import { ownerOfThread } from '../../wire/owner-of-thread.js';
import {
  askedKey,
  atWork,
  type CheckpointsOptions,
  damageText,
  refused,
  say,
  unknownKey,
  unseenOwner,
} from '../checkpoint-key.js';
import { countText, sourceText } from '../checkpoint-words.js';
import { formatBytes } from '../figures.js';
import { plainText, type Terminal } from '../terminal.js';

export interface ExportOptions extends CheckpointsOptions {
  readonly to: string;
}

export interface SetOptions extends CheckpointsOptions {
  readonly yes?: boolean;
  /** Where the sinks write. */
  readonly output?: readonly string[];
  readonly otherKey?: boolean;
  readonly otherSpec?: boolean;
  readonly otherRun?: boolean;
  /** Rows that the sinks cannot take back may be delivered again. */
  readonly again?: boolean;
}

/** Writes the checkpoint of a key to a new file. @returns The exit code. */
export function exportCheckpoint(
  [folder, key]: readonly [folder: string, key: string],
  options: ExportOptions,
  terminal: Terminal,
): Promise<number> {
  const { to, fs = nodeFs } = options;
  return say(terminal, options, async () => {
    const view = await askedKey(folder, key, options);
    if (!view) return refused([unknownKey(folder, key)]);
    const { checkpoint } = view;
    if (!checkpoint) {
      const said = refused([`"${key}": expected a checkpoint to export, found none that can be read`]);
      return { ...said, advice: `${damageText(view)}${said.advice}` };
    }
    const bytes = encodeExport({ key, checkpoint });
    await writeWhole(fs, to, bytes);
    return {
      code: 0,
      text: `${plainText(`"${to}": ${formatBytes(bytes.length)}, the checkpoint of "${key}"; ${sourceText(checkpoint)}`, 1_000)}\n`,
      advice: damageText(view),
      document: { key, file: to, bytes: bytes.length },
    };
  });
}

/** Puts an exported checkpoint in the place of that of a key. @returns The exit code. */
export function setCheckpoint(
  [folder, key, file]: readonly [folder: string, key: string, file: string],
  options: SetOptions,
  terminal: Terminal,
): Promise<number> {
  const { fs = nodeFs, yes } = options;
  return say(terminal, options, async () => {
    const exported = decodeExport(await readWhole(fs, file), file);
    const { checkpoint } = exported;
    const isThere = await fs.stat(folder).then(
      () => true,
      (error) => errnoCode(error) !== 'ENOENT',
    );
    const view = isThere ? await askedKey(folder, key, options) : undefined;
    if (isThere && !view) await inspectStore(folder, fs); // refuses a folder with other things in it
    const live = atWork(key, view);
    const reasons = [
      ...((options.output ?? []).some((path) => resolve(path) === resolve(folder))
        ? [`"${folder}": expected the folder of a checkpoint store, found that of --output`]
        : []),
      ...(live === undefined ? [] : [live]),
      ...(exported.key === key || options.otherKey
        ? []
        : [
            `${file}: expected the checkpoint of "${key}", found that of "${exported.key}"; --other-key takes it all the same`,
          ]),
      ...differences(file, checkpoint, view?.checkpoint, options),
    ];
    if (reasons.length > 0) return refused(reasons);
    const fits = await fitsOf(checkpoint, view?.checkpoint, options);
    if (fits.problems.length > 0) return refused(fits.problems);
    const epochs = [view?.epoch ?? 0, checkpoint.run.epoch, fits.epoch];
    const made = isThere ? [] : [`a new store is made at "${folder}"`];
    const notes = [...made, ...takenBack(checkpoint, view, fits), ...unseenOwner(view)];
    let epoch = view?.epoch ?? 0;
    if (yes) {
      const store = new FileCheckpointStore(folder, { fs });
      const fence = await store.claimAfter(key, ownerOfThread(), epoch, Math.max(...epochs));
      await store.save(key, fence, checkpoint);
      epoch = fence.epoch;
    }
    const title = yes ? `"${key}" is set, under epoch ${epoch}` : `"${key}" is to be set`;
    const lines = [`${title}: ${sourceText(checkpoint)}`, ...notes];
    return {
      code: yes ? 0 : 1,
      text: lines.map((line) => `${plainText(line, 1_000)}\n`).join(''),
      advice: `${view ? damageText(view) : ''}${yes ? '' : 'Nothing was changed. Add --yes to do so.\n'}`,
      document: { key, done: yes === true, epoch, takesBack: fits.beyond, notes },
    };
  });
}

/** What speaks against it, going by the checkpoint that it replaces. */
function differences(
  file: string,
  { spec, run }: Checkpoint,
  current: Checkpoint | undefined,
  { otherSpec, otherRun }: SetOptions,
): string[] {
  if (!current) return [];
  const reasons: string[] = [];
  const paths = new Set([...Object.keys(spec), ...Object.keys(current.spec)]);
  const differing = [...paths].filter((path) => spec[path] !== current.spec[path]).sort();
  if (differing.length > 0 && !otherSpec) {
    reasons.push(
      `${file}: expected a checkpoint of the spec that the key has, found one in which ${cutList(differing)} ` +
        `${differing.length === 1 ? 'differs' : 'differ'}; --other-spec takes it all the same`,
    );
  }
  if (run.id !== current.run.id && !otherRun) {
    reasons.push(
      `${file}: expected a checkpoint of run ${current.run.id}, which the key has, found one of run ${run.id}: ` +
        'what the other run has delivered would stay; --other-run takes it all the same',
    );
  }
  return reasons;
}

interface Fits extends OutputFit {
  readonly problems: readonly string[];
}

/** Whether the next start can go on from a checkpoint with what is at its outputs. */
async function fitsOf(
  checkpoint: Checkpoint,
  current: Checkpoint | undefined,
  options: SetOptions,
): Promise<Fits> {
  const { output = [], again, fs = nodeFs } = options;
  const problems: string[] = [];
  const beyond: string[] = [];
  let epoch = 0;
  const views = await Promise.all(output.map((path) => inspectOutput(path, fs)));
  // Without a checkpoint of the key, nobody can know how many rows its sinks have got since.
  const isElsewhere = current
    ? current.counters.rowsOut !== checkpoint.counters.rowsOut
    : !checkpoint.ended?.isPublished;
  for (const sink of checkpoint.isReset ? [] : sinksOf(checkpoint)) {
    const title = titleOf(sink);
    const { position } = sink;
    if (position.kind === 'nothing') continue;
    if (position.kind === 'other') {
      if (sink.key === checkpoint.undecided?.sink && !mayBeDecided(checkpoint, current)) {
        problems.push(
          `${title} commits rows and checkpoint as one: expected the last checkpoint of the key (${current?.decidedAs}) or the ` +
            'one before it, found another: a start would be refused (CHECKPOINT_INVALID), and --again does not change that',
        );
        continue;
      }
      if (isElsewhere && !again) {
        problems.push(
          `${title} cannot take back rows: the next start delivers those behind the checkpoint again; --again allows it`,
        );
      }
      continue;
    }
    const { run } = position.kind === 'parts' ? position.parts : position.file;
    const candidates = views.filter(
      (view) => view.kind === (position.kind === 'parts' ? 'directory' : view.kind),
    );
    const fits = await Promise.all(candidates.map((view) => fitOf(sink, view, fs)));
    const at = fits.findIndex((fit) => fit.problems.length === 0);
    const fit = fits[at] ?? fits[0];
    if (!fit) {
      problems.push(
        `${title}: expected its output, to see whether all that the checkpoint lists is there, found ` +
          (views.length === 0
            ? 'none; name it with --output'
            : 'no directory of parts among those of --output'),
      );
      continue;
    }
    const view = candidates[Math.max(at, 0)]!;
    problems.push(
      ...fit.problems.map((problem) => `${title} at "${view.output}": ${problem}: a start would be refused`),
    );
    const working = view.runs.find(({ entry, liveness }) => entry?.run === run && liveness === 'live');
    if (working) problems.push(`${title} at "${view.output}": run ${run} is at work there; stop it first`);
    beyond.push(...fit.beyond);
    epoch = Math.max(epoch, fit.epoch);
  }
  return { problems, beyond, epoch };
}

/** Whether the database may have committed it last, going by the checkpoint that it replaces. */
function mayBeDecided({ decidedAs }: Checkpoint, current: Checkpoint | undefined): boolean {
  if (current?.decidedAs === undefined) return true; // only the database knows
  return decidedAs === current.decidedAs || decidedAs === current.undecided?.before?.decidedAs;
}

function fitOf({ position }: PlacedSink, view: OutputView, fs: typeof nodeFs): Promise<OutputFit> {
  if (position.kind === 'parts') return fitParts(position.parts, view, fs);
  if (position.kind === 'file') return fitFile(position.file, view, fs);
  return Promise.resolve({ problems: [], beyond: [], epoch: 0 });
}

function takenBack(checkpoint: Checkpoint, view: KeyView | undefined, { beyond }: Fits): string[] {
  const rows = (view?.checkpoint?.counters.rowsOut ?? 0) - checkpoint.counters.rowsOut;
  const notes: string[] = [];
  if (checkpoint.ended?.isPublished) notes.push('its run has ended: the next start is a new run');
  if (view?.checkpoint && rows > 0) {
    notes.push(`the next start goes back by ${countText(rows, 'row')}, and delivers them again`);
  }
  if (beyond.length > 0) {
    notes.push(`it takes back ${countText(beyond.length, 'part')} beyond the checkpoint: ${cutList(beyond)}`);
  }
  return notes;
}

/** The file appears whole, or not at all. */
async function writeWhole(fs: typeof nodeFs, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomId()}.tmp`;
  try {
    await writeNewFile(fs, temporary, bytes);
    await fs.link(temporary, path);
    const folder = await fs.open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') {
      throw new PipelineError(
        'OUTPUT_EXISTS',
        `"${path}": expected nothing there yet, found a file; choose another path`,
      );
    }
    throw outputFailed('write', path, error);
  } finally {
    await fs.unlink(temporary).catch(() => undefined);
  }
}

async function readWhole(fs: typeof nodeFs, path: string): Promise<Buffer> {
  try {
    const { size } = await fs.stat(path);
    if (size <= EXPORT_BYTES_MAX + 1_024) return await fs.readFile(path);
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `${path}: expected an exported checkpoint of at most ${EXPORT_BYTES_MAX} bytes, found ${size}`,
    );
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError(
      'INPUT_UNREADABLE',
      `"${path}": expected an exported checkpoint, found none that can be read (${errnoCode(error)})`,
      { cause: error },
    );
  }
}
