/** Runs of a file sink, and what readers of its output see. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Clock } from '../../src/core/clock.js';
import { errnoCode } from '../../src/core/output-error.js';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { parseEntry } from '../../src/outputs/runs/run-entries.js';
import type { RunOwner } from '../../src/outputs/runs/run-owner.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { jsonlSink } from '../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../src/stages/sinks/jsonl/options.js';
import { batchOf, contextOf, TICKS } from '../stages/sinks/sink-rows.js';

export interface RunOptions {
  readonly job?: string;
  readonly fs?: FileSystem;
  readonly resuming?: boolean;
  readonly checkpointed?: boolean;
  readonly epoch?: number;
  readonly keyId?: string | undefined;
  readonly clock?: Clock;
  readonly [option: string]: unknown;
}

/** Outputs of each kind: a checkpoint of gzip keeps a journal. */
export const OUTPUTS = ['out', 'out.jsonl', 'zipped', 'out.jsonl.gz', 'parted'] as const;

/** What the sink of an output is told besides. */
const OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  zipped: { compression: 'gzip' },
  parted: { partitionBy: ['symbol', 'day'] },
};
export const isOneFile = (path: string): boolean => /\.jsonl(\.gz)?$/.test(path);

/** What a reader of the output sees. */
export const read = (path: string): number[] =>
  isOneFile(path) ? (existsSync(path) ? seconds(path) : []) : globbed(path);

/** A sink that is not opened yet. */
export function makeRun(
  path: string,
  { job = 'job', fs, resuming, checkpointed, epoch, keyId, clock, ...options }: RunOptions = {},
) {
  const context = contextOf(job, {
    resuming: resuming === true,
    checkpointed: checkpointed === true,
    epoch,
    keyId,
    ...(clock && { clock }),
    dictionaries: new DictionarySet(),
  });
  const sink = jsonlSink.create(
    JsonlSinkOptions.parse({ path, ...OPTIONS[basename(path)], ...options }),
    TICKS,
    context,
    fs,
  );
  return {
    sink,
    write: (rows: readonly Row[]) => sink.write(batchOf(TICKS, rows, context.dictionaries)),
    prepare: (isEnd = false) => sink.prepare(isEnd),
    flush: () => sink.flush(),
    close: () => sink.close(),
  };
}

/** A run that has opened its sink. Whatever died of it, its descriptors go with the test. */
export async function startRun(path: string, options: RunOptions = {}) {
  const run = makeRun(path, options);
  onTestFinished(() => run.close().catch(() => undefined));
  await run.sink.open();
  return run;
}

/** Writes the rows and ends as a run without a store does. */
export async function runWhole(path: string, rows: readonly Row[], options: RunOptions = {}) {
  const run = await startRun(path, options);
  try {
    await run.write(rows);
    await run.flush();
  } finally {
    await run.close();
  }
}

/** What a reader sees that takes every file of the directory: seconds since the first tick, in order. */
export const globbed = (path: string): number[] =>
  (existsSync(path) ? (readdirSync(path, { recursive: true }) as string[]) : [])
    .filter((name) => /^[^.].*\.jsonl(\.gz)?$/.test(name))
    .flatMap((name) => seconds(join(path, name)))
    .sort((a, b) => a - b);

export const seconds = (file: string): number[] =>
  (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file))
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (Date.parse((JSON.parse(line) as { time: string }).time) - Date.UTC(2024, 0, 1)) / 1_000);

export const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Files that are not whole yet, or are no use any more. */
export function remainsOf(path: string): string[] {
  const state = stateFolderOf(path);
  if (!existsSync(state)) return [];
  return (
    (readdirSync(state, { recursive: true }) as string[])
      .filter((name) => !/^(runs(\/(\d+|ended-\d+))?|(columns|published)\.json)$/.test(name))
      // Cut off: nobody knows whose it was.
      .filter((name) => !/^runs\/entering-/.test(name) || parseEntry(readFileSync(join(state, name), 'utf8')))
      .sort()
  );
}

/** To other runs, the threads of all runs so far are gone, as after a crash. */
export function buryRuns(path: string): void {
  const runs = join(stateFolderOf(path), 'runs');
  if (!existsSync(runs)) return;
  for (const name of readdirSync(runs)) {
    const entry = openIfThere(join(runs, name));
    if (entry === undefined) continue;
    const text = readFileSync(entry, 'utf8').replace(/"pid":\d+/, DEAD_PID);
    writeSync(entry, text, 0); // never shorter than it was
    closeSync(entry);
  }
}

/** Above the highest that Linux gives out. */
const DEAD_PID = '"pid":4194400';

/** A run that was dropped in this process may still be entering, and then takes its temporary entry away. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Rewrites what the runs at work say of their owners. */
export function disguiseRuns(path: string, owner: Partial<RunOwner>): void {
  const runs = join(stateFolderOf(path), 'runs');
  for (const name of readdirSync(runs).filter((found) => /^\d+$/.test(found))) {
    const text = readFileSync(join(runs, name), 'utf8');
    if (text === '') continue;
    const entry = JSON.parse(text) as { owner: RunOwner };
    writeFileSync(join(runs, name), JSON.stringify({ ...entry, owner: { ...entry.owner, ...owner } }));
  }
}
