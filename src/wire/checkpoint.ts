import { isSnapshot } from '../columns/dictionary-snapshot.js';
import { PipelineError } from '../core/errors.js';
import { isCount, type PlainData } from '../core/plain-data.js';
import { describeValue } from '../core/shown-text.js';
import { RUN_COUNTERS, type RunCounters } from '../shared-memory/counters.js';
import type { RowProgress } from './bounds.js';

/** The version that this release writes, and the only one that it reads. */
export const CHECKPOINT_VERSION = 1;

/** Of the form or version of what was found. */
export const OF_NEWER_RELEASE =
  'of a newer release: start the job with that release, or remove its checkpoints to begin anew';

/**
 * A checkpoint that a newer release has written. It is not damaged: to go on from an older one beside it would repeat
 * what that release has done since.
 */
export class NewerCheckpointError extends PipelineError {
  /** @param problem - What was expected and found, and where. */
  constructor(problem: string) {
    super('CHECKPOINT_INVALID', problem);
  }
}

/** The thread that runs a pipeline. Plain data, since it is written to disk and sent to other hosts. */
export interface Owner {
  readonly host: string;
  /** Random for each start of a process, since process ids are reused. */
  readonly process: string;
  /** Id of the thread in its process. */
  readonly thread: number;
}

/** Identifies a run, and which of its starts this is. */
export interface RunIdentity {
  /** Random; the same for all starts of the run. */
  readonly id: string;
  /** Grows with each start of the run. */
  readonly epoch: number;
  readonly owner: Owner;
}

/** A digest of each option of a spec, by path such as `source.path`. */
export type SpecFingerprint = Readonly<Record<string, string>>;

/** A checkpoint whose strings are the first of those of another one. */
export type CheckpointWithoutStrings = Omit<Checkpoint, 'dictionaries' | 'undecided'>;

/** What is known of a checkpoint that counts only if a database has committed it, together with its rows. */
export interface Undecided {
  /** What the sink of that database is called in the states of the checkpoint. */
  readonly sink: string;
  /**
   * Under which the database knows the run. It stays with the checkpoint, so that another store, or key of the store,
   * asks for the same one.
   */
  readonly key: string;
  /** What counts otherwise. Missing: nothing, and the run begins anew. */
  readonly before?: CheckpointWithoutStrings;
}

/**
 * A consistent cut between two batches, as plain data: everything before it is durable, and it contains
 * nothing after it.
 */
export interface Checkpoint {
  readonly version: typeof CHECKPOINT_VERSION;
  readonly job: string;
  readonly run: RunIdentity;
  /** Ms since 1970 on the wall clock; for information only. */
  readonly takenAtMs: number;
  readonly spec: SpecFingerprint;
  /**
   * By stage: `source`, `intake` (of a live source), `operators[0]`, `operators[0].with`, `"name"` of a stage
   * that the user has named, `sink`; `rows`, of operators by what became of them; and `deadLetters`.
   */
  readonly states: Readonly<Record<string, PlainData>>;
  readonly counters: RunCounters;
  /** Missing in checkpoints of earlier releases, and in those of a run that was reset. */
  readonly progress?: RowProgress;
  readonly dictionaries: Readonly<Record<string, readonly string[]>>;
  /**
   * Set if the run was reset: its next start begins anew, and its sink takes back all that it has of the run.
   * Only `sink` and `deadLetters` have states then.
   */
  readonly isReset?: true;
  /** Set if the stream has ended and the sink has all rows. */
  readonly ended?: {
    readonly how: 'completed' | 'drained';
    /** `false`: the sink has yet to make the last rows visible. */
    readonly isPublished: boolean;
  };
  /** What the database of a sink that decides records with its rows. Random. */
  readonly decidedAs?: string;
  /** Set as long as only that database knows whether it counts. */
  readonly undecided?: Undecided;
}

/**
 * Checks the form of a checkpoint; the stages check their own states.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` with what was expected and found.
 */
export function readCheckpoint(data: unknown): Checkpoint {
  const checkpoint = readForm(data);
  checkTexts(checkpoint.dictionaries);
  return checkpoint;
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` for a dictionary that is not a list of texts. */
export function checkTexts(dictionaries: Checkpoint['dictionaries']): void {
  for (const [name, strings] of Object.entries(dictionaries)) {
    if (!isTexts(strings)) throw invalid(`dictionaries.${name}`, 'a list of texts', strings);
  }
}

/**
 * As `readCheckpoint`, without looking at each text of the dictionaries, of which there may be a million.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID`
 */
export function readForm(data: unknown): Checkpoint {
  const fields = fieldsOf(data, 'the checkpoint');
  const { version, job, run, takenAtMs, spec, states, counters, progress, dictionaries, isReset, ended } =
    fields;
  const { decidedAs, undecided } = fields;
  if (isCount(version) && version > CHECKPOINT_VERSION) {
    const expected = `${CHECKPOINT_VERSION}, which this release reads`;
    throw new NewerCheckpointError(
      `Checkpoint: version: expected ${expected}, found ${version}, ${OF_NEWER_RELEASE}`,
    );
  }
  if (version !== CHECKPOINT_VERSION) {
    throw invalid('version', `${CHECKPOINT_VERSION}, which this release reads`, version);
  }
  if (typeof job !== 'string') throw invalid('job', 'the name of a job', job);
  const { id, epoch, owner } = fieldsOf(run, 'run');
  if (typeof id !== 'string' || id === '') throw invalid('run.id', 'a text', id);
  if (!isCount(epoch)) throw invalid('run.epoch', 'a whole number', epoch);
  readOwner(owner, 'run.owner');
  if (typeof takenAtMs !== 'number') throw invalid('takenAtMs', 'a number of milliseconds', takenAtMs);
  for (const [path, digest] of Object.entries(fieldsOf(spec, 'spec'))) {
    if (typeof digest !== 'string') throw invalid(`spec.${path}`, 'a text', digest);
  }
  checkStates(fieldsOf(states, 'states'), isReset);
  // Earlier releases had no queues that overflow.
  const counts: Record<string, unknown> = { rowsOverflowed: 0, ...fieldsOf(counters, 'counters') };
  for (const name of RUN_COUNTERS) {
    if (!Number.isSafeInteger(counts[name]))
      throw invalid(`counters.${name}`, 'a whole number', counts[name]);
  }
  for (const [name, count] of Object.entries(fieldsOf(progress ?? {}, 'progress'))) {
    if (!isCount(count)) throw invalid(`progress.${name}`, 'a whole number', count);
  }
  const lists = fieldsOf(dictionaries, 'dictionaries');
  // Of a snapshot they are lists, and are not copied for this.
  for (const [name, strings] of isSnapshot(lists) ? [] : Object.entries(lists)) {
    if (!Array.isArray(strings)) throw invalid(`dictionaries.${name}`, 'a list of texts', strings);
  }
  if (ended !== undefined) {
    if (isReset) throw invalid('ended', 'none in a run that was reset', ended);
    const { how, isPublished } = fieldsOf(ended, 'ended');
    if (how !== 'completed' && how !== 'drained') throw invalid('ended.how', '"completed" or "drained"', how);
    if (typeof isPublished !== 'boolean') throw invalid('ended.isPublished', 'true or false', isPublished);
  }
  const isNamed = typeof decidedAs === 'string' && decidedAs !== '';
  if (!isNamed && (decidedAs !== undefined || undecided !== undefined)) {
    throw invalid('decidedAs', 'a text', decidedAs);
  }
  if (undecided !== undefined) readUndecided(undecided);
  return { ...fields, counters: counts } as unknown as Checkpoint; // all its fields were checked
}

function readUndecided(undecided: unknown): void {
  const { sink, key, before } = fieldsOf(undecided, 'undecided');
  if (typeof sink !== 'string') throw invalid('undecided.sink', 'the name of a sink', sink);
  if (typeof key !== 'string' || key === '') throw invalid('undecided.key', 'a text that is not empty', key);
  if (before === undefined) return;
  const form = fieldsOf(before, 'undecided.before');
  if (form.undecided !== undefined) throw invalid('undecided.before.undecided', 'nothing', form.undecided);
  readForm({ ...form, dictionaries: {} });
}

function checkStates(states: Record<string, unknown>, isReset: unknown): void {
  if (isReset !== undefined && isReset !== true) throw invalid('isReset', 'true, or nothing', isReset);
  for (const stage of isReset ? ['sink'] : ['source', 'sink']) {
    if (!Object.hasOwn(states, stage)) throw invalid(`states.${stage}`, 'a state', undefined);
  }
  const others = Object.keys(states).filter((stage) => stage !== 'sink' && stage !== 'deadLetters');
  if (isReset && others.length > 0) {
    throw invalid(`states.${others[0]}`, 'none in a run that was reset', states[others[0]!]);
  }
}

/** @throws {PipelineError} `CHECKPOINT_INVALID`. */
export function readOwner(data: unknown, path: string): Owner {
  const problem = ownerProblem(data, path);
  if (problem !== undefined) throw problemOf(problem);
  return data as Owner; // all its fields were checked
}

/** Returns what is wrong with an owner; `undefined` if nothing is. */
export function ownerProblem(data: unknown, path: string): string | undefined {
  if (!isFields(data)) return described(path, 'an object', data);
  const { host, process, thread } = data;
  if (typeof host !== 'string') return described(`${path}.host`, 'a text', host);
  if (typeof process !== 'string') return described(`${path}.process`, 'a text', process);
  if (!isCount(thread)) return described(`${path}.thread`, 'a whole number', thread);
  return undefined;
}

export const isSameOwner = (a: Owner, b: Owner): boolean =>
  a.host === b.host && a.process === b.process && a.thread === b.thread;

/** Formats an owner for messages. */
export const ownerText = ({ host, process, thread }: Owner): string =>
  `host ${host}, process ${process}, thread ${thread}`;

const isTexts = (data: readonly unknown[]): boolean => data.every((text) => typeof text === 'string');

const isFields = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

function fieldsOf(data: unknown, path: string): Record<string, unknown> {
  if (isFields(data)) return data;
  throw invalid(path, 'an object', data);
}

/** Says what was found in the place of something else. */
export const described = (path: string, expected: string, found: unknown): string =>
  `${path}: expected ${expected}, found ${describeValue(found)}`;

const problemOf = (problem: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `Checkpoint: ${problem}`);

const invalid = (path: string, expected: string, found: unknown): PipelineError =>
  problemOf(described(path, expected, found));
