import type { PlainData } from '../core/plain-data.js';
import { redact, redactData } from '../core/redact.js';
import { cutText } from '../core/shown-text.js';
import type { JobRecord } from '../store/job-store.js';
import type { StoreView } from '../store/read-store.js';
import { holderText, type StoreHolder } from '../store/store-lock.js';
import { isEndState } from '../supervision/job.js';
import { ageText } from './checkpoint-words.js';
import { plainText } from './terminal.js';

/** A job without its spec, its options and its history; credentials are hidden. */
export function jobSummary(record: JobRecord): object {
  const { id, name, state, wish, submittedAtMs, deadlineAtMs, runs, history } = record;
  const last = runs.at(-1);
  return {
    id,
    name,
    state,
    wish,
    next: nextText(record),
    submittedAtMs,
    sinceMs: history.at(-1)?.atMs ?? submittedAtMs,
    deadlineAtMs: deadlineAtMs ?? null,
    runs: last?.attempt ?? 0,
    error: last?.error ? redactData(last.error as unknown as PlainData) : null, // it was read from a file of plain data
  };
}

/** What the next start of the process does with a job. */
export function nextText({ state, wish }: JobRecord): string {
  if (isEndState(state)) return 'has ended';
  switch (wish) {
    case 'run':
      return 'goes on';
    case 'pause':
      return 'stays paused';
    case 'stop':
      return 'ends';
  }
}

/** Why its last run failed; `-` if it did not. */
export function errorText({ runs }: JobRecord): string {
  const error = runs.at(-1)?.error;
  return error ? cutText(`${error.code}: ${redact(error.message)}`, 300) : '-';
}

export const sinceText = ({ history, submittedAtMs }: JobRecord, nowMs: number): string =>
  ageText(nowMs - (history.at(-1)?.atMs ?? submittedAtMs));

/** That what is shown may be of a moment ago. */
export const holderAdvice = (holder: StoreHolder | undefined): string =>
  holder ? `The store is that of ${plainText(holderText(holder), 1_000)}: what is shown changes.\n` : '';

/** That a write at the end of the store is not whole. */
export function tornAdvice({ tornBytes, holder }: Pick<StoreView, 'tornBytes' | 'holder'>): string {
  if (tornBytes === 0) return '';
  const what = `The last write to the store is not whole (${tornBytes} bytes at its end)`;
  return holder
    ? `${what}: it is under way.\n`
    : `${what}: its process died in it. The next start cuts it off; what is shown is all that was kept before.\n`;
}

/** Of `--json`. */
export const holderData = (holder: StoreHolder | undefined): object | null =>
  holder
    ? {
        process: holder.owner?.pid ?? null,
        host: holder.owner?.host ?? null,
        liveness: holder.liveness,
        file: holder.file,
      }
    : null;
