import type { PlainData } from '../../core/plain-data.js';
import { redact, redactData } from '../../core/redact.js';
import { nodeFileSystem } from '../../outputs/disk/file-system.js';
import type { JobRecord } from '../../store/job-store.js';
import { readStore, type StoreView } from '../../store/read-store.js';
import { type CheckpointsOptions, refused, say } from '../checkpoint-key.js';
import { ageText, countText } from '../checkpoint-words.js';
import { fittedTable } from '../fitted-table.js';
import {
  errorText,
  holderAdvice,
  holderData,
  jobSummary,
  nextText,
  sinceText,
  tornAdvice,
} from '../job-words.js';
import { plainText, type Terminal } from '../terminal.js';

/** Options of the commands on the jobs of a store. */
export interface JobsOptions extends CheckpointsOptions {
  /** Folder of the store. */
  readonly store: string;
}

/** Lists the jobs and schedules of a store, also while a process has it. Changes nothing. @returns The exit code. */
export function listJobs(options: JobsOptions, terminal: Terminal): Promise<number> {
  const { store, nowMs = Date.now(), fs = nodeFileSystem } = options;
  return say(terminal, options, async () => {
    const view = await readStore(store, fs);
    const { jobs, schedules, holder } = view;
    const rows = jobs.map((job) => [
      plainText(job.name, 300),
      plainText(job.id, 300),
      job.state,
      sinceText(job, nowMs),
      job.wish,
      nextText(job),
      String(job.runs.at(-1)?.attempt ?? 0),
      plainText(errorText(job), 400),
    ]);
    const table = await fittedTable(
      [
        { head: 'job' },
        { head: 'id' },
        { head: 'state' },
        { head: 'since', isRight: true },
        { head: 'wish' },
        { head: 'next start' },
        { head: 'runs', isRight: true },
        { head: 'last error', isProse: true },
      ],
      rows,
      { width: terminal.tableColumns, keys: 1 },
    );
    const planned = schedules.map(({ name }) => `schedule ${plainText(name, 300)}\n`).join('');
    return {
      code: 0,
      text: `${jobs.length === 0 ? `${plainText(store, 300)}: no jobs\n` : table}${planned}`,
      advice: `${holderAdvice(holder)}${tornAdvice(view)}`,
      document: {
        store,
        holder: holderData(holder),
        tornBytes: view.tornBytes,
        jobs: jobs.map(jobSummary),
        schedules: schedules.map(({ name, schedule, progress }) => ({
          name,
          schedule: redactData(schedule),
          progress,
        })),
      },
    };
  });
}

/** Prints what a store has of a job. Changes nothing. @returns The exit code: 1 if it has none of that name. */
export function showJob(name: string, options: JobsOptions, terminal: Terminal): Promise<number> {
  const { store, nowMs = Date.now(), fs = nodeFileSystem } = options;
  return say(terminal, options, async () => {
    const view = await readStore(store, fs);
    const job = askedJob(view, name);
    if (!job) return refused([unknownJob(store, name)]);
    return {
      code: 0,
      text: formatted(job, nowMs),
      advice: `${holderAdvice(view.holder)}${tornAdvice(view)}`,
      document: options.json
        ? {
            holder: holderData(view.holder),
            tornBytes: view.tornBytes,
            ...(redactData(job as unknown as PlainData) as object), // it was read from a file of plain data
            next: nextText(job),
          }
        : {},
    };
  });
}

/** By its id; by its name, the one that was submitted last. */
export const askedJob = ({ jobs }: Pick<StoreView, 'jobs'>, name: string): JobRecord | undefined =>
  jobs.find(({ id }) => id === name) ?? jobs.findLast((job) => job.name === name);

export const unknownJob = (store: string, name: string): string =>
  `"${name}": expected the name or the id of a job in "${store}", found none; "tickloom jobs list --store ${store}" lists them`;

const RUNS_SHOWN = 20;

function formatted(job: JobRecord, nowMs: number): string {
  const { id, name, state, wish, submittedAtMs, deadlineAtMs, runs, history, options, spec } = job;
  const lines = [
    `job        ${name}`,
    `id         ${id}`,
    `submitted  ${timeText(submittedAtMs)}`,
    `state      ${state}, for ${sinceText(job, nowMs)}; the user wants it to ${wish}`,
    `next start ${nextText(job)}${deadlineAtMs === undefined ? '' : `, its next run at ${timeText(deadlineAtMs)}`}`,
    `options    ${JSON.stringify(redactData(options))}`,
    `spec       ${JSON.stringify(redactData(spec))}`,
    `runs       ${countText(runs.at(-1)?.attempt ?? 0, 'run')}`,
    ...runs.slice(-RUNS_SHOWN).map((run) => {
      const { attempt, startedAtMs, endedAtMs, outcome, error } = run;
      const length = endedAtMs === undefined ? '' : ` after ${ageText(endedAtMs - startedAtMs)}`;
      return `  ${attempt}: ${timeText(startedAtMs)}, ${outcome ?? 'not ended'}${length}${error ? `: ${redact(error.message)} [${error.code}]` : ''}`;
    }),
    'history',
    ...history.map(
      ({ state: to, atMs, reason }) =>
        `  ${timeText(atMs)} ${to}${reason === undefined ? '' : `: ${redact(reason)}`}`,
    ),
  ];
  return lines.map((line) => `${plainText(line, 2_000)}\n`).join('');
}

/** An instant that no date can be made of is shown as it is. */
const timeText = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms));
