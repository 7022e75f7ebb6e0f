import type { StagedFolder } from '../outputs/inspect/inspect-output.js';
import type { RegisteredRun } from '../outputs/runs/run-entries.js';
import { WHY_UNSEEN } from '../outputs/runs/run-owner.js';
import { formatBytes, formatCount } from './figures.js';

/** Describes in words a run that has not reported its end. */
export function runText({ entry, path }: RegisteredRun): string {
  if (!entry) return `entry "${path}"`;
  const { run, job, mode, owner } = entry;
  return `run ${run} of job "${job}" (${mode}, process ${owner.pid} on "${owner.host}")`;
}

export const LIVENESS_TEXT: Readonly<Record<RegisteredRun['liveness'], string>> = {
  live: 'is at work',
  gone: 'has died',
  ...WHY_UNSEEN,
  unknown: 'cannot be understood',
};

export const filesText = (files: number, bytes: number): string =>
  `${formatCount(files)} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}`;

/** Totals over the folders of a run. */
export function foldersText(folders: readonly StagedFolder[]): string {
  const sum = (of: (folder: StagedFolder) => number) => folders.reduce((all, one) => all + of(one), 0);
  return filesText(
    sum(({ files }) => files),
    sum(({ bytes }) => bytes),
  );
}
