import { type InspectedFileSystem, inspectKey, type KeyView } from '../checkpoints/inspect-store.js';
import { RuntimeError } from '../core/errors.js';
import { claimantText } from './checkpoint-words.js';
import { plainText, type Terminal } from './terminal.js';

/** Options of all commands on checkpoints. */
export interface CheckpointsOptions {
  readonly json?: boolean;
  /** Ms since 1970; for tests. */
  readonly nowMs?: number;
  /** For tests. */
  readonly fs?: InspectedFileSystem;
}

/** What a command says, and its exit code. */
export interface Said {
  readonly code: 0 | 1 | 2;
  /** For people, on standard output. */
  readonly text?: string;
  /** For people, on standard error; with `--json`, too. */
  readonly advice?: string;
  /** With `--json`. */
  readonly document: object;
}

/** Prints what a command says, or why it cannot be done. @returns The exit code. */
export async function say(
  terminal: Terminal,
  { json }: CheckpointsOptions,
  act: () => Promise<Said>,
): Promise<number> {
  try {
    const { code, text = '', advice = '', document } = await act();
    if (json) await terminal.print(`${JSON.stringify(document, null, 2)}\n`);
    else if (text !== '') await terminal.print(text);
    if (advice !== '') terminal.say(advice);
    return code;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (json) {
      const { code, message } = error;
      await terminal.print(`${JSON.stringify({ error: { code, message } }, null, 2)}\n`);
    }
    terminal.say(`${plainText(error.message)}\n`);
    return 1;
  }
}

/** Nothing was changed, for these reasons. */
export function refused(reasons: readonly string[]): Said {
  const lines = reasons.map((reason) => `${plainText(reason, 1_000)}\n`).join('');
  return { code: 1, advice: `${lines}Nothing was changed.\n`, document: { done: false, refused: reasons } };
}

/** A key that somebody has claimed, and what is to be said of its damage; or why there is none. */
export async function askedKey(
  folder: string,
  key: string,
  { fs }: CheckpointsOptions,
): Promise<KeyView | undefined> {
  const view = await inspectKey(folder, key, fs);
  return view?.claim?.isRemoved ? { ...view, checkpoint: undefined } : view;
}

export const unknownKey = (folder: string, key: string): string =>
  `"${key}": expected a key of the store "${folder}", found none; "tickloom checkpoints list ${folder}" lists them`;

/** Why the checkpoint of a key may not be changed: whoever has claimed it is alive. `undefined` if it may. */
export function atWork(key: string, view: KeyView | undefined): string | undefined {
  if (view?.owner !== 'live' || view.claim?.isRemoved || hasEnded(view)) return undefined;
  return `"${key}": expected nobody at work, found epoch ${view.epoch} of ${claimantText(view)}; stop it first`;
}

/**
 * Whether the run of the last claim has ended. Until its first save, a claim shows the checkpoint that it found: one
 * that says that its run has ended may be of the run before.
 */
const hasEnded = ({ checkpoint, epoch }: KeyView): boolean =>
  checkpoint?.ended?.isPublished === true && checkpoint.run.epoch === epoch;

/** What to know about an owner of which nobody here can tell whether it is alive. */
export function unseenOwner(view: KeyView | undefined): readonly string[] {
  if (!view || view.owner === 'gone' || view.owner === 'live') return [];
  return [
    `epoch ${view.epoch} is of ${claimantText(view)}: if it is alive, it is fenced and publishes nothing more`,
  ];
}

export const damageText = ({ problems }: Pick<KeyView, 'problems'>): string =>
  problems.map((problem) => `damaged: ${plainText(problem, 1_000)}\n`).join('');
