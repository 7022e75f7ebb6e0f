import { createHash } from 'node:crypto';
import { inspectStore, type KeyView } from '../../checkpoints/inspect-store.js';
import { writePlainData } from '../../checkpoints/plain-data-text.js';
import { sinksOf } from '../../checkpoints/sink-positions.js';
import type { PlainData } from '../../core/plain-data.js';
import { redactData } from '../../core/redact.js';
import type { Checkpoint } from '../../wire/checkpoint.js';
import { askedKey, type CheckpointsOptions, damageText, say, unknownKey } from '../checkpoint-key.js';
import {
  ageText,
  claimantText,
  countText,
  plainly,
  sinkLines,
  sourceText,
  stateText,
} from '../checkpoint-words.js';
import { formatBytes, formatCount } from '../figures.js';
import { fittedTable } from '../fitted-table.js';
import { plainText, type Terminal } from '../terminal.js';

/** States that are shown; the rest are only counted. */
const STATES_SHOWN = 50;

/**
 * Lists the keys of a store of files. Changes nothing.
 *
 * @returns The exit code: 1 if something is damaged.
 */
export function listCheckpoints(
  folder: string,
  options: CheckpointsOptions,
  terminal: Terminal,
): Promise<number> {
  const { nowMs = Date.now(), fs } = options;
  return say(terminal, options, async () => {
    const views = (await inspectStore(folder, fs)).filter(({ claim }) => !claim?.isRemoved);
    const rows = views.map((view) => {
      const { claim, epoch, checkpoint, bytes } = view;
      return [
        plainText(claim?.key ?? `? ${view.folder}`, 300),
        String(epoch),
        plainText(claimantText(view), 300),
        checkpoint ? ageText(nowMs - checkpoint.takenAtMs) : '-',
        view.problems.length > 0 ? 'damaged' : stateText(checkpoint),
        checkpoint ? formatBytes(bytes) : '-',
        checkpoint ? plainText(sourceText(checkpoint), 300) : '-',
      ];
    });
    const table = await fittedTable(
      [
        { head: 'key' },
        { head: 'epoch', isRight: true },
        { head: 'claimed by', isProse: true },
        { head: 'age', isRight: true },
        { head: 'next start', isProse: true },
        { head: 'size', isRight: true },
        { head: 'source', isProse: true },
      ],
      rows,
      { width: terminal.tableColumns, keys: 1 },
    );
    return {
      code: views.some(({ problems }) => problems.length > 0) ? 1 : 0,
      text: views.length === 0 ? `${plainText(folder, 300)}: no keys yet\n` : table,
      advice: views.map(damageText).join(''),
      document: { folder, keys: views.map((view) => summaryOf(view)) },
    };
  });
}

/**
 * Prints what the checkpoint of a key says. Changes nothing.
 *
 * @returns The exit code: 1 if there is none, or something is damaged.
 */
export function showCheckpoint(
  [folder, key]: readonly [folder: string, key: string],
  options: CheckpointsOptions,
  terminal: Terminal,
): Promise<number> {
  const { nowMs = Date.now() } = options;
  return say(terminal, options, async () => {
    const view = await askedKey(folder, key, options);
    if (!view) return { code: 1, advice: `${plainText(unknownKey(folder, key))}\n`, document: { key: null } };
    const { checkpoint } = view;
    return {
      code: view.problems.length > 0 || !checkpoint ? 1 : 0,
      text: formatted(key, view, nowMs),
      advice: damageText(view),
      document: options.json ? { ...summaryOf(view), checkpoint: shownData(checkpoint) } : {},
    };
  });
}

/** A checkpoint as JSON has it, without credentials. */
function shownData(checkpoint: Checkpoint | undefined): unknown {
  if (!checkpoint) return null;
  const plain = redactData(checkpoint as unknown as PlainData); // it was read from a file of plain data
  return JSON.parse(JSON.stringify(plain, plainly));
}

function summaryOf({ folder, claim, epoch, owner, checkpoint, bytes, problems }: KeyView): object {
  const { pid, host } = claim?.thread ?? {};
  return {
    key: claim?.key ?? null,
    folder,
    epoch,
    owner: { liveness: owner, process: pid ?? null, host: host ?? claim?.owner.host ?? null },
    takenAtMs: checkpoint?.takenAtMs ?? null,
    next: stateText(checkpoint),
    ended: checkpoint?.ended ?? null,
    bytes,
    source: checkpoint ? sourceText(checkpoint) : null,
    problems,
  };
}

function formatted(key: string, view: KeyView, nowMs: number): string {
  const { checkpoint, epoch, bytes } = view;
  const head = [`key        ${key}`, `claimed    epoch ${epoch} of ${claimantText(view)}`];
  if (!checkpoint) return lines([...head, 'checkpoint none']);
  const { job, run, takenAtMs, spec, states, counters, dictionaries } = checkpoint;
  const strings = Object.values(dictionaries).reduce((sum, { length }) => sum + length, 0);
  const digest = createHash('sha256')
    .update(JSON.stringify(Object.entries(spec).sort()))
    .digest('hex');
  const sizes = Object.entries(states).map(
    ([id, state]) => `  ${id}: ${formatBytes(Buffer.byteLength(writePlainData(state, id)))}`,
  );
  const more = sizes.length - STATES_SHOWN;
  return lines([
    ...head,
    `checkpoint of epoch ${run.epoch}, ${ageText(nowMs - takenAtMs)} old, ${formatBytes(bytes)}, of job "${job}", run ${run.id}`,
    `next start ${stateText(checkpoint)}`,
    `spec       ${digest.slice(0, 12)}, ${countText(Object.keys(spec).length, 'option')} that may not change`,
    `source     ${sourceText(checkpoint)}`,
    `rows       ${formatCount(counters.rowsIn)} in, ${formatCount(counters.rowsOut)} delivered, ${formatCount(counters.rowsRejected)} rejected`,
    ...sinksOf(checkpoint).flatMap(sinkLines),
    `letters    ${lettersText(states.deadLetters)}`,
    `strings    ${formatCount(strings)} of ${countText(Object.keys(dictionaries).length, 'column')}`,
    'states',
    ...sizes.slice(0, STATES_SHOWN),
    ...(more > 0 ? [`  … and ${formatCount(more)} more`] : []),
  ]);
}

function lettersText(state: unknown): string {
  const { ordinal, unsynced } = (state ?? {}) as { readonly ordinal?: unknown; readonly unsynced?: unknown };
  if (typeof ordinal !== 'number') return 'no file of dead letters';
  const said =
    typeof unsynced === 'string' ? `, ${formatBytes(unsynced.length)} of them in the checkpoint` : '';
  return `${countText(ordinal, 'dead letter')}${said}`;
}

const lines = (texts: readonly string[]): string =>
  texts.map((text) => `${plainText(text, 1_000)}\n`).join('');
